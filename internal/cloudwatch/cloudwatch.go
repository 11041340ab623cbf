// Package cloudwatch tells CloudWatch how many workers are wanted, in the region
// in which each location's instances are: what scales them cannot look
// elsewhere. It owns the names of the metrics and their dimensions. It refuses
// to decide anything, and to publish what is not known.
package cloudwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/probefleet/probefleet/internal/capacity"
)

// maxData is the number of values that one call takes.
const maxData = 1000

// Publisher publishes the metrics of one installation. It is safe for
// concurrent use.
type Publisher struct {
	namespace, fleet string
	regions          map[string]string
	home             string
	clients          map[string]*cloudwatch.Client
}

// Regions are where locations' instances are; a location that is not named is
// in the region of AWS_REGION.
type Regions map[string]string

// ParseRegions reads "paris=eu-west-3,tokyo=ap-northeast-1".
func ParseRegions(list string) (Regions, error) {
	r := Regions{}
	var faults []error
	for pair := range strings.SplitSeq(list, ",") {
		if list == "" {
			break
		}
		location, region, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if _, twice := r[location]; !ok || location == "" || region == "" || twice {
			faults = append(faults, fmt.Errorf("%q: write LOCATION=REGION, each location once", pair))
			continue
		}
		r[location] = region
	}
	return r, errors.Join(faults...)
}

// New makes a publisher that signs as the environment says, with credentials
// that may cloudwatch:PutMetricData. Metrics are in namespace and bear fleet,
// the prefix of the installation's queues, as a dimension.
func New(ctx context.Context, namespace, fleet string, regions Regions) (*Publisher, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("no AWS region is set: set AWS_REGION to that of the locations that are not named in -cloudwatch-regions")
	}
	return with(cfg, namespace, fleet, regions), nil
}

func with(cfg aws.Config, namespace, fleet string, regions Regions) *Publisher {
	p := &Publisher{namespace: namespace, fleet: fleet, regions: regions, home: cfg.Region, clients: map[string]*cloudwatch.Client{}}
	for _, region := range append(slices.Collect(maps.Values(regions)), cfg.Region) {
		if p.clients[region] == nil {
			p.clients[region] = cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.Region = region })
		}
	}
	return p
}

// Publish says what is in reports, as measured now. The error names the regions
// that were not told; the others were.
func (p *Publisher) Publish(ctx context.Context, reports []capacity.Report) error {
	now := time.Now()
	data := map[string][]types.MetricDatum{}
	for _, r := range reports {
		region, ok := p.regions[r.Location]
		if !ok {
			region = p.home
		}
		data[region] = append(data[region], p.data(r, now)...)
	}
	var faults []error
	for _, region := range slices.Sorted(maps.Keys(data)) {
		for some := range slices.Chunk(data[region], maxData) {
			_, err := p.clients[region].PutMetricData(ctx, &cloudwatch.PutMetricDataInput{Namespace: &p.namespace, MetricData: some})
			if err != nil {
				faults = append(faults, fmt.Errorf("telling CloudWatch in %s how many workers are wanted: %w", region, err))
				break
			}
		}
	}
	return errors.Join(faults...)
}

// data are the values of a report that are known.
func (p *Publisher) data(r capacity.Report, now time.Time) []types.MetricDatum {
	dimensions := []types.Dimension{
		{Name: aws.String("Fleet"), Value: &p.fleet},
		{Name: aws.String("Location"), Value: &r.Location},
		{Name: aws.String("Class"), Value: aws.String(string(r.Class))},
	}
	var data []types.MetricDatum
	for _, m := range []struct {
		name  string
		value float64
		unit  types.StandardUnit
	}{
		{"WantedWorkers", float64(r.Wanted), types.StandardUnitCount},
		{"LiveWorkers", float64(r.Live), types.StandardUnitCount},
		{"QueueDepth", r.Reading.Waiting, types.StandardUnitCount},
		{"QueueAge", r.Age, types.StandardUnitSeconds},
		{"ServiceTime", r.Reading.Service, types.StandardUnitSeconds},
	} {
		if !math.IsNaN(m.value) {
			data = append(data, types.MetricDatum{
				MetricName: aws.String(m.name), Value: &m.value, Unit: m.unit, Timestamp: &now, Dimensions: dimensions,
			})
		}
	}
	return data
}
