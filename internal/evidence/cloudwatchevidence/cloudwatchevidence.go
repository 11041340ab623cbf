// Package cloudwatchevidence reads alarms of CloudWatch. It owns what their
// states mean: OK alone is quiet. It refuses to read metrics: whoever wants to
// know something makes an alarm of it, which others see too.
package cloudwatchevidence

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/probefleet/probefleet/internal/promotion"
)

// Alarm is a metric alarm or a composite alarm of a region.
type Alarm struct {
	client *cloudwatch.Client
	name   string
}

// New makes an Alarm with credentials that may cloudwatch:DescribeAlarms.
func New(cfg aws.Config, name string) *Alarm {
	return &Alarm{cloudwatch.NewFromConfig(cfg), name}
}

// Read asks for the alarm's state. An alarm that is not there, and one that
// lacks data, are errors.
func (a *Alarm) Read(ctx context.Context) (promotion.Alarm, error) {
	found, err := a.client.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{a.name}, AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return promotion.Alarm{}, fmt.Errorf("asking CloudWatch for the alarm %q: %w", a.name, err)
	}
	var read []promotion.Alarm
	add := func(name *string, state types.StateValue, out promotion.Alarm) {
		switch {
		case aws.ToString(name) != a.name:
			return
		case state == types.StateValueOk:
			out.State = promotion.Quiet
		case state == types.StateValueAlarm:
			out.State = promotion.Firing
		}
		read = append(read, out)
	}
	for _, m := range found.MetricAlarms {
		add(m.AlarmName, m.StateValue, promotion.Alarm{Since: aws.ToTime(m.StateTransitionedTimestamp), Detail: a.name})
	}
	for _, c := range found.CompositeAlarms {
		add(c.AlarmName, c.StateValue, promotion.Alarm{Since: aws.ToTime(c.StateTransitionedTimestamp), Detail: a.name})
	}
	switch {
	case len(read) != 1:
		return promotion.Alarm{}, fmt.Errorf("there is no alarm %q in this region", a.name)
	case read[0].State == "":
		return promotion.Alarm{}, errors.New("the alarm " + a.name + " has not enough data")
	}
	return read[0], nil
}
