package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// quantiles is the resolution of a distribution: a power of two, so that bits
// of a random number choose among them.
const quantiles = 4096

// Distribution is how long attempts take: equally likely values, in
// milliseconds.
type Distribution struct {
	name   string
	values *[quantiles]int32
	mean   float64 // ms
}

// LogNormal has a median and the deviation of its logarithm, and no value above
// longest.
func LogNormal(name string, median time.Duration, sigma float64, longest time.Duration) Distribution {
	return distribution(name, func(p float64) float64 {
		v := median.Seconds() * 1000 * math.Exp(sigma*math.Sqrt2*math.Erfinv(2*p-1))
		return min(v, longest.Seconds()*1000)
	})
}

// Measured is the distribution of stored durations.
func Measured(name string, durations []time.Duration) (Distribution, error) {
	var list []time.Duration
	for _, d := range durations {
		if d > 0 {
			list = append(list, min(d, maxService))
		}
	}
	if len(list) < 10 {
		return Distribution{}, fmt.Errorf("%d service times are too few: at least 10 are needed", len(list))
	}
	slices.Sort(list)
	return distribution(name, func(p float64) float64 {
		at := p * float64(len(list)-1)
		low := int(at)
		high := min(low+1, len(list)-1)
		a, b := list[low].Seconds()*1000, list[high].Seconds()*1000
		return a + (at-float64(low))*(b-a)
	}), nil
}

// APITimes and BrowserTimes are built in, for those who have no results yet:
// the shapes are those of short calls and of flows of about five steps.
func APITimes() Distribution { return LogNormal("api", 250*time.Millisecond, 0.8, 30*time.Second) }

// BrowserTimes are those of flows in a browser; see [APITimes].
func BrowserTimes() Distribution {
	return LogNormal("browser", 5*time.Second, 0.5, 60*time.Second)
}

func distribution(name string, at func(p float64) float64) Distribution {
	d := Distribution{name: name, values: new([quantiles]int32)}
	for i := range d.values {
		d.values[i] = max(1, int32(at((float64(i)+0.5)/quantiles)+0.5))
		d.mean += float64(d.values[i]) / quantiles
	}
	return d
}

// Mean is the mean duration.
func (d Distribution) Mean() time.Duration {
	return time.Duration(d.mean * float64(time.Millisecond))
}

// Name is where the durations come from.
func (d Distribution) Name() string { return d.name }

func (d Distribution) longest() int32 {
	if d.values == nil {
		return 0
	}
	return slices.Max(d.values[:])
}

// lot is what chance has in store for an attempt: one random number, cut up.
// Twelve bits choose the duration, 24 whether it times out in an incident, and
// 24 whether the message is poison.
type lot uint64

const lots = 1 << 24

func (l lot) duration(d *[quantiles]int32) int32 { return d[l&(quantiles-1)] }
func (l lot) timesOut(share int) bool            { return int(l>>16&(lots-1)) < share }
func (l lot) poison(share int) bool              { return int(l>>40) < share }

// outOf is a share as a whole number of lots.
func outOf(share float64) int { return int(share * lots) }
