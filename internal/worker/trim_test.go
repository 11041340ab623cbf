package worker

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/queue"
)

func sample(excerpt int) jobs.Result {
	j := jobs.New(check.Check{ID: "shop", Spec: &check.API{}}, "here", time.Unix(1e9, 0), 1, time.Unix(1e9, 0), time.Unix(1e9+60, 0))
	res := jobs.ResultFor(j)
	res.Fail(jobs.FaultAssertion, "status == 200 (got 503)")
	res.Evidence.Response = &jobs.Response{Status: 503, URL: "http://x/", Excerpt: strings.Repeat("x", excerpt), Headers: map[string]string{"a": "b"}}
	return res
}

// size finds the length of the excerpt with which the message has exactly the
// size of the limit.
func atLimit(t *testing.T) int {
	t.Helper()
	m, err := encode(1, sample(1))
	if err != nil {
		t.Fatal(err)
	}
	return queue.MaxBytes - m.Bytes() + 1
}

func TestResultsUpToTheLimitAreSentWhole(t *testing.T) {
	n := atLimit(t)
	for _, n := range []int{n - 1, n} {
		m, cut, err := outgoing(1, sample(n))
		if err != nil || cut {
			t.Fatalf("excerpt of %d bytes, message of %d: cut %t, %v", n, m.Bytes(), cut, err)
		}
		if res, err := codec.DecodeResult([]byte(m.Body)); err != nil || len(res.Evidence.Response.Excerpt) != n {
			t.Errorf("excerpt of %d bytes did not arrive: %v", n, err)
		}
	}
}

func TestLargerResultsAreTrimmedAndSaySo(t *testing.T) {
	for _, n := range []int{atLimit(t) + 1, 3 << 20} {
		in := sample(n)
		m, cut, err := outgoing(1, in)
		if err != nil || !cut || m.Bytes() > queue.MaxBytes {
			t.Fatalf("cut %t, %d bytes, %v", cut, m.Bytes(), err)
		}
		want := sample(0)
		want.Evidence.Response.Headers = nil
		want.Evidence.Console = []jobs.ConsoleEntry{{Level: "warning", Text: trimNote}}
		got, err := codec.DecodeResult([]byte(m.Body))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, result (-want +got):\n%s", err, diff)
		}
		if len(in.Evidence.Response.Excerpt) != n {
			t.Error("the runner's own result was changed")
		}
	}
}

// Every field as long as can be, in characters that take six bytes each.
func TestWorstResultFits(t *testing.T) {
	long := strings.Repeat("\x01", 1<<20)
	res := sample(1 << 20)
	res.Fault.Message = long
	for i := range 300 {
		res.Verdicts = append(res.Verdicts, jobs.Verdict{Expr: long, Message: long, OK: i != 250})
		res.Steps = append(res.Steps, jobs.StepResult{Name: fmt.Sprint(i), Error: long, Action: check.ActionClick, OK: i%2 == 0})
		res.Evidence.Artifacts = append(res.Evidence.Artifacts, jobs.Artifact{Name: long, ContentType: long, Key: long[:min(i, 256)]})
	}
	res.Evidence.Page = &jobs.Page{URL: long, Title: long}
	m, err := encode(1, trim(res))
	if err != nil {
		t.Fatal(err)
	}
	if m.Bytes() > queue.MaxBytes*2/3 {
		t.Errorf("%d bytes", m.Bytes())
	}
	got, err := codec.DecodeResult([]byte(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Verdicts) != trimEntries || got.Verdicts[trimEntries-1].OK {
		t.Errorf("%d verdicts; the one that did not hold must be among them", len(got.Verdicts))
	}
	if len(got.Steps) != trimEntries || got.Steps[0].Name != "1" || got.Steps[1].Name != "3" {
		t.Errorf("steps %+v; want the failed ones, in order", got.Steps[:2])
	}
}

// A result goes out in the version that its job asks for, as far as that one
// has room for it.
func TestVersionOfReplies(t *testing.T) {
	steps := sample(1)
	steps.Steps = []jobs.StepResult{{Name: "token", OK: true}}
	for _, c := range []struct {
		reply int
		res   jobs.Result
		want  int
	}{{0, sample(1), 1}, {1, sample(1), 1}, {2, sample(1), 2}, {99, sample(1), codec.ResultVersion}, {1, steps, 2}, {2, steps, 2}} {
		m, cut, err := outgoing(c.reply, c.res)
		if err != nil || cut {
			t.Fatalf("reply %d: cut %t, %v", c.reply, cut, err)
		}
		if h, err := codec.Peek([]byte(m.Body)); err != nil || h.Version != c.want {
			t.Errorf("reply %d: version %d, want %d (%v)", c.reply, h.Version, c.want, err)
		}
	}
}

func TestResultThatIsNoneIsAnError(t *testing.T) {
	res := sample(1)
	res.Outcome = "splendid"
	if _, _, err := outgoing(1, res); err == nil || errors.Is(err, queue.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}
