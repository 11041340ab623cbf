package codec

import (
	"math"

	"github.com/probefleet/probefleet/internal/jobs"
)

// evidenceV2 is evidence in version 2: a browser check tells of its visit.
type evidenceV2 struct {
	evidenceV1
	Visit *visitV2 `json:"visit,omitempty"`
}

type visitV2 struct {
	Waited   micros           `json:"waited_us,omitempty"`
	Vitals   []vitalsV2       `json:"vitals,omitempty"`
	Requests int              `json:"requests,omitempty"`
	Failed   int              `json:"failed,omitempty"`
	Bytes    int64            `json:"bytes,omitempty"`
	Log      []visitRequestV2 `json:"log,omitempty"`
	Text     string           `json:"text,omitempty"`
}

type vitalsV2 struct {
	URL  string `json:"url,omitempty"`
	TTFB micros `json:"ttfb_us,omitempty"`
	FCP  micros `json:"fcp_us,omitempty"`
	LCP  micros `json:"lcp_us,omitempty"`
	TBT  micros `json:"tbt_us,omitempty"`
	INP  micros `json:"inp_us,omitempty"`
	// CLS is in millionths.
	CLS int64 `json:"cls_millionths,omitempty"`
}

type visitRequestV2 struct {
	Method   string `json:"method,omitempty"`
	URL      string `json:"url,omitempty"`
	Type     string `json:"type,omitempty"`
	Status   int    `json:"status,omitempty"`
	Error    string `json:"error,omitempty"`
	Start    micros `json:"start_us,omitempty"`
	Duration micros `json:"duration_us,omitempty"`
	Bytes    int64  `json:"bytes,omitempty"`
}

// millionths keeps a score exact enough, whatever reads the number.
const millionths = 1e6

func newEvidenceV2(e jobs.Evidence) evidenceV2 {
	w := evidenceV2{evidenceV1: newEvidenceV1(e)}
	if v := e.Visit; v != nil {
		w.Visit = &visitV2{
			Waited: microsOf(v.Waited), Requests: v.Requests, Failed: v.Failed, Bytes: v.Bytes, Text: v.Text,
			Vitals: each(v.Vitals, func(v jobs.Vitals) vitalsV2 {
				return vitalsV2{
					URL: v.URL, TTFB: microsOf(v.TTFB), FCP: microsOf(v.FCP), LCP: microsOf(v.LCP),
					TBT: microsOf(v.TBT), INP: microsOf(v.INP), CLS: score(v.CLS),
				}
			}),
			Log: each(v.Log, func(r jobs.Request) visitRequestV2 {
				return visitRequestV2{
					Method: r.Method, URL: r.URL, Type: r.Type, Status: r.Status, Error: r.Error,
					Start: microsOf(r.Start), Duration: microsOf(r.Duration), Bytes: r.Bytes,
				}
			}),
		}
	}
	return w
}

// score is a layout shift in millionths; what is no such number is 0.
func score(cls float64) int64 {
	if !(cls > 0 && cls < 1e6) {
		return 0
	}
	return int64(math.Round(cls * millionths))
}

func (w evidenceV2) evidence() jobs.Evidence {
	e := w.evidenceV1.evidence()
	if v := w.Visit; v != nil {
		e.Visit = &jobs.Visit{
			Waited: v.Waited.duration(), Requests: v.Requests, Failed: v.Failed, Bytes: v.Bytes, Text: v.Text,
			Vitals: each(v.Vitals, func(v vitalsV2) jobs.Vitals {
				return jobs.Vitals{
					URL: v.URL, TTFB: v.TTFB.duration(), FCP: v.FCP.duration(), LCP: v.LCP.duration(),
					TBT: v.TBT.duration(), INP: v.INP.duration(), CLS: float64(v.CLS) / millionths,
				}
			}),
			Log: each(v.Log, func(r visitRequestV2) jobs.Request {
				return jobs.Request{
					Method: r.Method, URL: r.URL, Type: r.Type, Status: r.Status, Error: r.Error,
					Start: r.Start.duration(), Duration: r.Duration.duration(), Bytes: r.Bytes,
				}
			}),
		}
	}
	return e
}
