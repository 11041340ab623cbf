// Package ecsdriver drives a stage that is a service of an ECS cluster. It owns
// how a release is told from another one (a tag of the task definition) and
// that the service never falls below its desired count. It refuses to change
// anything of a task but one container's image.
package ecsdriver

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/probefleet/probefleet/internal/driver"
)

// tagRelease is the tag of a task definition that names the commit it runs.
const tagRelease = "probefleet:release"

// Driver drives one stage. It is safe for concurrent use.
type Driver struct {
	client                      *ecs.Client
	cluster, service, container string
}

// New makes a Driver with credentials that may ecs:DescribeServices,
// ecs:DescribeTaskDefinition, ecs:RegisterTaskDefinition, ecs:TagResource and
// ecs:UpdateService, and iam:PassRole of the task's roles.
func New(cfg aws.Config, cluster, service, container string) *Driver {
	return &Driver{ecs.NewFromConfig(cfg), cluster, service, container}
}

// look finds the service, its primary deployment and the task of that.
func (d *Driver) look(ctx context.Context) (types.Service, types.Deployment, *ecs.DescribeTaskDefinitionOutput, error) {
	found, err := d.client.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &d.cluster, Services: []string{d.service}})
	if err != nil {
		return types.Service{}, types.Deployment{}, nil, fmt.Errorf("asking ECS for the service %q: %w", d.service, err)
	}
	if len(found.Services) != 1 || aws.ToString(found.Services[0].Status) != "ACTIVE" {
		return types.Service{}, types.Deployment{}, nil, fmt.Errorf("the cluster %q has no active service %q", d.cluster, d.service)
	}
	s := found.Services[0]
	for _, p := range s.Deployments {
		if aws.ToString(p.Status) != "PRIMARY" {
			continue
		}
		task, err := d.client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{
			TaskDefinition: p.TaskDefinition, Include: []types.TaskDefinitionField{types.TaskDefinitionFieldTags},
		})
		if err != nil || task.TaskDefinition == nil {
			return s, p, nil, errors.Join(fmt.Errorf("asking ECS for the task definition of %q", d.service), err)
		}
		return s, p, task, nil
	}
	return s, types.Deployment{}, nil, fmt.Errorf("the service %q has no primary deployment; is it one of another deployment controller?", d.service)
}

func release(task *ecs.DescribeTaskDefinitionOutput) string {
	for _, t := range task.Tags {
		if aws.ToString(t.Key) == tagRelease {
			return aws.ToString(t.Value)
		}
	}
	return ""
}

// Running is the release of the service's primary deployment; mixed while
// another one is left.
func (d *Driver) Running(ctx context.Context) (driver.Running, error) {
	s, primary, task, err := d.look(ctx)
	if err != nil {
		return driver.Running{}, err
	}
	commit := release(task)
	if commit == "" {
		return driver.Running{}, fmt.Errorf("the task definition %s bears no tag %s: tag it with the commit that it runs", aws.ToString(primary.TaskDefinition), tagRelease)
	}
	r := driver.Running{Commit: commit, Since: aws.ToTime(primary.CreatedAt)}
	if len(s.Deployments) > 1 || primary.RolloutState == types.DeploymentRolloutStateInProgress {
		r.Mixed, r.Detail = true, fmt.Sprintf("%d deployments, %d of %d tasks run", len(s.Deployments), primary.RunningCount, primary.DesiredCount)
	}
	return r, nil
}

// Deploy registers the task with the release's image and has the service run
// it. Where the service does so already, it does nothing.
func (d *Driver) Deploy(ctx context.Context, r driver.Release) error {
	s, _, task, err := d.look(ctx)
	if err != nil {
		return err
	}
	td := task.TaskDefinition
	image, found := "", false
	for i := range td.ContainerDefinitions {
		if aws.ToString(td.ContainerDefinitions[i].Name) == d.container {
			image, found = aws.ToString(td.ContainerDefinitions[i].Image), true
			td.ContainerDefinitions[i].Image = &r.Image
		}
	}
	switch {
	case !found:
		return fmt.Errorf("the task of %q has no container %q", d.service, d.container)
	case release(task) == r.Commit && image == r.Image:
		return nil
	}
	made, err := d.client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: td.Family, ContainerDefinitions: td.ContainerDefinitions, Cpu: td.Cpu, Memory: td.Memory,
		EnableFaultInjection: td.EnableFaultInjection, EphemeralStorage: td.EphemeralStorage, ExecutionRoleArn: td.ExecutionRoleArn,
		IpcMode: td.IpcMode, NetworkMode: td.NetworkMode, PidMode: td.PidMode,
		PlacementConstraints: td.PlacementConstraints, ProxyConfiguration: td.ProxyConfiguration, RequiresCompatibilities: td.RequiresCompatibilities,
		RuntimePlatform: td.RuntimePlatform, TaskRoleArn: td.TaskRoleArn, Volumes: td.Volumes, Tags: tags(task.Tags, r.Commit),
	})
	if err != nil || made.TaskDefinition == nil {
		return errors.Join(fmt.Errorf("registering the task of %q", r.Image), err)
	}
	how := s.DeploymentConfiguration
	if how == nil {
		how = &types.DeploymentConfiguration{}
	}
	how.MinimumHealthyPercent = aws.Int32(100)
	if aws.ToInt32(how.MaximumPercent) <= 100 { // new tasks need room beside the old ones
		how.MaximumPercent = aws.Int32(200)
	}
	_, err = d.client.UpdateService(ctx, &ecs.UpdateServiceInput{
		Cluster: &d.cluster, Service: &d.service, TaskDefinition: made.TaskDefinition.TaskDefinitionArn, DeploymentConfiguration: how,
	})
	if err != nil {
		return fmt.Errorf("having the service %q run %s: %w", d.service, aws.ToString(made.TaskDefinition.TaskDefinitionArn), err)
	}
	return nil
}

// tags are those that were there, with the release's.
func tags(was []types.Tag, commit string) []types.Tag {
	list := []types.Tag{{Key: aws.String(tagRelease), Value: &commit}}
	for _, t := range was {
		if k := aws.ToString(t.Key); k != tagRelease && len(k) > 0 && (len(k) < 4 || k[:4] != "aws:") {
			list = append(list, t)
		}
	}
	return list
}

// Rollback is a deploy of what ran before.
func (d *Driver) Rollback(ctx context.Context, r driver.Release) error { return d.Deploy(ctx, r) }

// Ready follows the primary deployment. Where another release has become that,
// ECS itself has put it back.
func (d *Driver) Ready(ctx context.Context, r driver.Release) (driver.Progress, error) {
	s, primary, task, err := d.look(ctx)
	if err != nil {
		return driver.Progress{}, err
	}
	detail := fmt.Sprintf("%d of %d tasks run", primary.RunningCount, primary.DesiredCount)
	switch {
	case release(task) != r.Commit:
		return driver.Progress{State: driver.Failed, Detail: fmt.Sprintf("the service has gone on to %.10s by itself", release(task))}, nil
	case primary.RolloutState == types.DeploymentRolloutStateFailed:
		return driver.Progress{State: driver.Failed, Detail: aws.ToString(primary.RolloutStateReason)}, nil
	case primary.RolloutState == types.DeploymentRolloutStateCompleted && len(s.Deployments) == 1 && primary.RunningCount >= primary.DesiredCount:
		return driver.Progress{State: driver.Ready, Detail: detail}, nil
	}
	return driver.Progress{State: driver.Pending, Detail: detail}, nil
}
