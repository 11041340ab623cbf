// Package asgdriver drives a stage that is an auto-scaling group. It owns how a
// release is told from another one (a tag of the group: commit and version of
// the launch template) and how it comes: by an instance refresh with that
// version as desired configuration, never below 100 % healthy. It refuses to
// change the group's own launch template: were that changed first, an automatic
// rollback of the group would go to the release that failed.
package asgdriver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/probefleet/probefleet/internal/driver"
)

// tagRelease is the tag of the group: the commit and the version of the launch
// template, with a space between them.
const tagRelease = "probefleet:release"

// Driver drives one stage. It is safe for concurrent use.
type Driver struct {
	client *autoscaling.Client
	group  string
	// version says which version of the group's launch template runs a release.
	version func(ctx context.Context, r driver.Release) (string, error)
	warmup  time.Duration
	look    time.Duration
}

// New makes a Driver with credentials that may
// autoscaling:DescribeAutoScalingGroups, DescribeInstanceRefreshes,
// StartInstanceRefresh, CancelInstanceRefresh and CreateOrUpdateTags. version
// has to give the same version for the same release every time. A warmup of 0
// is the group's own.
func New(cfg aws.Config, group string, version func(ctx context.Context, r driver.Release) (string, error), warmup time.Duration) *Driver {
	return &Driver{client: autoscaling.NewFromConfig(cfg), group: group, version: version, warmup: warmup, look: 5 * time.Second}
}

func (d *Driver) describe(ctx context.Context) (types.AutoScalingGroup, error) {
	found, err := d.client.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{d.group}})
	if err != nil {
		return types.AutoScalingGroup{}, fmt.Errorf("asking for the group %q: %w", d.group, err)
	}
	if len(found.AutoScalingGroups) != 1 {
		return types.AutoScalingGroup{}, fmt.Errorf("there is no auto-scaling group %q in this region", d.group)
	}
	return found.AutoScalingGroups[0], nil
}

// last is the newest instance refresh, nil where there never was one.
func (d *Driver) last(ctx context.Context) (*types.InstanceRefresh, error) {
	found, err := d.client.DescribeInstanceRefreshes(ctx, &autoscaling.DescribeInstanceRefreshesInput{AutoScalingGroupName: &d.group, MaxRecords: aws.Int32(1)})
	if err != nil {
		return nil, fmt.Errorf("asking for the instance refreshes of %q: %w", d.group, err)
	}
	if len(found.InstanceRefreshes) == 0 {
		return nil, nil //nolint:nilnil // none is no fault
	}
	return &found.InstanceRefreshes[0], nil
}

func active(r *types.InstanceRefresh) bool {
	if r == nil {
		return false
	}
	switch r.Status {
	case types.InstanceRefreshStatusPending, types.InstanceRefreshStatusInProgress, types.InstanceRefreshStatusBaking,
		types.InstanceRefreshStatusCancelling, types.InstanceRefreshStatusRollbackInProgress:
		return true
	}
	return false
}

// wanted is the version that a refresh brings.
func wanted(r *types.InstanceRefresh) string {
	if r == nil || r.DesiredConfiguration == nil || r.DesiredConfiguration.LaunchTemplate == nil {
		return ""
	}
	return aws.ToString(r.DesiredConfiguration.LaunchTemplate.Version)
}

// Running is what the group's tag says, mixed while a refresh is under way or
// an instance runs another version.
func (d *Driver) Running(ctx context.Context) (driver.Running, error) {
	g, err := d.describe(ctx)
	if err != nil {
		return driver.Running{}, err
	}
	commit, version, ok := tagged(g)
	if !ok {
		return driver.Running{}, fmt.Errorf("the group %q bears no tag %s: tag it with the commit that it runs and the version of its launch template, such as \"3f2a… 7\"", d.group, tagRelease)
	}
	refresh, err := d.last(ctx)
	if err != nil {
		return driver.Running{}, err
	}
	other := 0
	for _, i := range g.Instances {
		if i.LaunchTemplate == nil || aws.ToString(i.LaunchTemplate.Version) != version {
			other++
		}
	}
	out := driver.Running{Commit: commit}
	if wanted(refresh) == version {
		out.Since = aws.ToTime(refresh.EndTime)
	}
	if active(refresh) || other > 0 {
		out.Mixed, out.Detail = true, fmt.Sprintf("%d of %d instances do not run version %s", other, len(g.Instances), version)
	}
	return out, nil
}

func tagged(g types.AutoScalingGroup) (commit, version string, ok bool) {
	for _, t := range g.Tags {
		if aws.ToString(t.Key) == tagRelease {
			commit, version, ok = strings.Cut(aws.ToString(t.Value), " ")
		}
	}
	return commit, version, ok
}

// Deploy starts an instance refresh to the release. One that is under way to it
// goes on; one to anything else is cancelled first.
func (d *Driver) Deploy(ctx context.Context, r driver.Release) error {
	version, err := d.version(ctx, r)
	if err != nil {
		return fmt.Errorf("which version of the launch template runs %.10s: %w", r.Commit, err)
	}
	g, err := d.describe(ctx)
	if err != nil {
		return err
	}
	refresh, err := d.last(ctx)
	if err != nil {
		return err
	}
	if active(refresh) {
		if wanted(refresh) == version && refresh.Status != types.InstanceRefreshStatusCancelling {
			return nil
		}
		if err := d.cancel(ctx); err != nil {
			return err
		}
	}
	template := g.LaunchTemplate
	if template == nil && g.MixedInstancesPolicy != nil && g.MixedInstancesPolicy.LaunchTemplate != nil {
		return fmt.Errorf("the group %q has a policy of mixed instances: use a group with one launch template", d.group)
	}
	if template == nil {
		return fmt.Errorf("the group %q has no launch template", d.group)
	}
	// The tag comes first: were we to end here, the group counts as mixed, and
	// the same deploy goes on.
	_, err = d.client.CreateOrUpdateTags(ctx, &autoscaling.CreateOrUpdateTagsInput{Tags: []types.Tag{{
		Key: aws.String(tagRelease), Value: aws.String(r.Commit + " " + version), ResourceId: &d.group,
		ResourceType: aws.String("auto-scaling-group"), PropagateAtLaunch: aws.Bool(false),
	}}})
	if err != nil {
		return fmt.Errorf("tagging the group %q: %w", d.group, err)
	}
	preferences := &types.RefreshPreferences{
		MinHealthyPercentage: aws.Int32(100), MaxHealthyPercentage: aws.Int32(110), SkipMatching: aws.Bool(true),
		AutoRollback: aws.Bool(false), ScaleInProtectedInstances: types.ScaleInProtectedInstancesWait,
	}
	if d.warmup > 0 {
		preferences.InstanceWarmup = aws.Int32(int32(d.warmup / time.Second))
	}
	_, err = d.client.StartInstanceRefresh(ctx, &autoscaling.StartInstanceRefreshInput{
		AutoScalingGroupName: &d.group, Strategy: types.RefreshStrategyRolling, Preferences: preferences,
		DesiredConfiguration: &types.DesiredConfiguration{LaunchTemplate: &types.LaunchTemplateSpecification{
			LaunchTemplateId: template.LaunchTemplateId, Version: &version,
		}},
	})
	if err != nil {
		return fmt.Errorf("refreshing the instances of %q: %w", d.group, err)
	}
	return nil
}

// cancel ends the refresh that is under way, and waits for its end.
func (d *Driver) cancel(ctx context.Context) error {
	_, err := d.client.CancelInstanceRefresh(ctx, &autoscaling.CancelInstanceRefreshInput{AutoScalingGroupName: &d.group})
	if _, none := errors.AsType[*types.ActiveInstanceRefreshNotFoundFault](err); err != nil && !none {
		return fmt.Errorf("cancelling the instance refresh of %q: %w", d.group, err)
	}
	for {
		refresh, err := d.last(ctx)
		if err != nil || !active(refresh) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(d.look):
		}
	}
}

// Rollback is a deploy of what ran before.
func (d *Driver) Rollback(ctx context.Context, r driver.Release) error { return d.Deploy(ctx, r) }

// Ready follows the newest instance refresh.
func (d *Driver) Ready(ctx context.Context, r driver.Release) (driver.Progress, error) {
	g, err := d.describe(ctx)
	if err != nil {
		return driver.Progress{}, err
	}
	refresh, err := d.last(ctx)
	if err != nil {
		return driver.Progress{}, err
	}
	commit, version, _ := tagged(g)
	switch {
	case commit != r.Commit || wanted(refresh) != version || version == "":
		return driver.Progress{State: driver.Failed, Detail: "somebody else has begun an instance refresh"}, nil
	case refresh.Status == types.InstanceRefreshStatusSuccessful:
		return driver.Progress{State: driver.Ready}, nil
	case active(refresh):
		return driver.Progress{State: driver.Pending, Detail: fmt.Sprintf("%d %%: %s", aws.ToInt32(refresh.PercentageComplete), aws.ToString(refresh.StatusReason))}, nil
	}
	return driver.Progress{State: driver.Failed, Detail: fmt.Sprintf("the instance refresh is %s: %s", refresh.Status, aws.ToString(refresh.StatusReason))}, nil
}
