package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// Prometheus is an alarm that is quiet while every sample of a query is as it
// should be.
type Prometheus struct {
	Source Source
	Query  string
	// OK says which values are quiet, and Wish the same in words.
	OK   func(float64) bool
	Wish string
}

// Read runs the query now. No sample at all, and a value that is no number, are
// errors.
func (p Prometheus) Read(ctx context.Context) (promotion.Alarm, error) {
	var answer struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Type   string          `json:"resultType"`
			Result json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := p.Source.get(ctx, "/api/v1/query", url.Values{"query": {p.Query}}, &answer); err != nil {
		return promotion.Alarm{}, err
	}
	if answer.Status != "success" {
		return promotion.Alarm{}, fmt.Errorf("the query failed: %.200s", answer.Error)
	}
	values, err := samples(answer.Data.Type, answer.Data.Result)
	if err != nil {
		return promotion.Alarm{}, err
	}
	if len(values) == 0 {
		return promotion.Alarm{}, errors.New("the query gives no sample; ask for one that is there while all is well")
	}
	var bad []string
	for _, v := range values {
		if math.IsNaN(v) {
			return promotion.Alarm{}, errors.New("the query gives a value that is no number")
		}
		if !p.OK(v) {
			bad = append(bad, strconv.FormatFloat(v, 'g', 6, 64))
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		return promotion.Alarm{State: promotion.Firing, Detail: fmt.Sprintf("%s, should be %s", strings.Join(slices.Compact(bad), ", "), p.Wish)}, nil
	}
	return promotion.Alarm{State: promotion.Quiet}, nil
}

// samples are the values of an instant vector or a scalar.
func samples(kind string, result json.RawMessage) ([]float64, error) {
	var pairs [][2]json.RawMessage
	switch kind {
	case "vector":
		var series []struct {
			Value [2]json.RawMessage `json:"value"`
		}
		if err := json.Unmarshal(result, &series); err != nil {
			return nil, fmt.Errorf("the samples are not understood: %w", err)
		}
		for _, s := range series {
			pairs = append(pairs, s.Value)
		}
	case "scalar":
		pairs = make([][2]json.RawMessage, 1)
		if err := json.Unmarshal(result, &pairs[0]); err != nil {
			return nil, fmt.Errorf("the sample is not understood: %w", err)
		}
	default:
		return nil, fmt.Errorf("the query gives a %s; write one that gives a vector or a scalar", kind)
	}
	var values []float64
	for _, p := range pairs {
		var text string
		if err := json.Unmarshal(p[1], &text); err != nil {
			return nil, fmt.Errorf("a value is not understood: %w", err)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("a value is not understood: %w", err)
		}
		values = append(values, v)
	}
	return values, nil
}

// Alertmanager is an alarm that is quiet while no active alert matches, and the
// watchdog, which always fires, does.
type Alertmanager struct {
	Source          Source
	Match, Watchdog []string
}

type alert struct {
	StartsAt time.Time         `json:"startsAt"`
	Labels   map[string]string `json:"labels"`
}

// Read lists the alerts.
func (a Alertmanager) Read(ctx context.Context) (promotion.Alarm, error) {
	dogs, err := a.alerts(ctx, a.Watchdog)
	if err != nil {
		return promotion.Alarm{}, err
	}
	if len(dogs) == 0 {
		return promotion.Alarm{}, errors.New("the watchdog does not fire: nobody tells Alertmanager anything")
	}
	firing, err := a.alerts(ctx, a.Match)
	if err != nil {
		return promotion.Alarm{}, err
	}
	if len(firing) == 0 {
		return promotion.Alarm{State: promotion.Quiet}, nil
	}
	out := promotion.Alarm{State: promotion.Firing}
	var names []string
	for _, f := range firing {
		names = append(names, f.Labels["alertname"])
		// The newest: a rollback is for what began after a deploy.
		if f.StartsAt.After(out.Since) {
			out.Since = f.StartsAt
		}
	}
	slices.Sort(names)
	out.Detail = strings.Join(slices.Compact(names), ", ")
	return out, nil
}

func (a Alertmanager) alerts(ctx context.Context, match []string) ([]alert, error) {
	var list []alert
	q := url.Values{"filter": match, "active": {"true"}, "silenced": {"false"}, "inhibited": {"false"}}
	err := a.Source.get(ctx, "/api/v2/alerts", q, &list)
	return list, err
}
