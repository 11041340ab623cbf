package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner"
)

// shelf keeps artifacts in memory.
type shelf struct {
	kept map[string]string
	err  error
}

func (s *shelf) Put(_ context.Context, key, _ string, data []byte) error {
	if s.err == nil {
		s.kept[key] = string(data)
	}
	return s.err
}

// run runs a job whose result is changed by f, and keeps in s where that is
// not nil.
func run(t *testing.T, s *shelf, f func(*jobs.Result)) jobs.Result {
	t.Helper()
	m := mux(func(_ context.Context, j jobs.Job) (jobs.Result, error) {
		res := jobs.ResultFor(j)
		f(&res)
		res.Conclude()
		return res, nil
	}, &bytes.Buffer{})
	if s != nil {
		m.KeepIn(s)
	}
	res, err := m.Run(t.Context(), job(&check.API{}))
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Just below and at the limit nothing is cut; one byte more is, and is kept.
func TestEvidenceAtTheLimit(t *testing.T) {
	const fields = 16
	for _, over := range []int{-1, 0, 1} {
		s := &shelf{kept: map[string]string{}}
		want := make([]jobs.Verdict, 0, fields+1)
		for range fields {
			want = append(want, jobs.Verdict{OK: true, Message: strings.Repeat("x", runner.EvidenceCap/fields)})
		}
		switch over {
		case -1:
			want[0].Message = want[0].Message[1:]
		case 1:
			want = append(want, jobs.Verdict{OK: true, Message: "y"})
		}
		res := run(t, s, func(r *jobs.Result) { r.Verdicts = append([]jobs.Verdict(nil), want...) })
		if whole := cmp.Equal(want, res.Verdicts); whole != (over <= 0) {
			t.Errorf("limit%+d: whole is %t", over, whole)
		}
		if over <= 0 {
			if len(res.Evidence.Artifacts)+len(s.kept) > 0 {
				t.Errorf("limit%+d: artifacts %v", over, res.Evidence.Artifacts)
			}
			continue
		}
		key := fmt.Sprintf("runs/2026-10-05/%s/1-verdicts.json", res.RunID)
		var kept []jobs.Verdict
		if err := json.Unmarshal([]byte(s.kept[key]), &kept); err != nil || !cmp.Equal(want, kept) || len(s.kept) != 1 {
			t.Errorf("limit+1: kept %d files, %v", len(s.kept), err)
		}
		if d := cmp.Diff([]jobs.Artifact{{Name: "verdicts.json", ContentType: "application/json", Key: key, Size: int64(len(s.kept[key]))}}, res.Evidence.Artifacts); d != "" {
			t.Errorf("limit+1: artifacts (-want +got):\n%s", d)
		}
	}
}

// huge is evidence of which every part is too large.
func huge(r *jobs.Result) {
	big := strings.Repeat("<é\"", 20_000)
	r.Fail(jobs.FaultStep, big)
	r.Verdicts = []jobs.Verdict{{Message: big}}
	r.Steps = []jobs.StepResult{{Error: big}}
	r.Evidence = jobs.Evidence{
		Response:  &jobs.Response{URL: big, Headers: map[string]string{"a": big, "b": big}, Excerpt: big + "\x00\xff", TLS: &jobs.TLS{Issuer: big}},
		Page:      &jobs.Page{URL: big, Title: big},
		Artifacts: []jobs.Artifact{{Name: "end", Key: "k"}},
	}
	for range 20 {
		r.Evidence.Console = append(r.Evidence.Console, jobs.ConsoleEntry{Level: "error", Text: big})
	}
}

func TestEveryPartIsKept(t *testing.T) {
	s := &shelf{kept: map[string]string{}}
	res := run(t, s, huge)
	var full jobs.Result
	huge(&full)
	want := []string{"end", "fault.txt", "verdicts.json", "steps.json", "page.json", "response.json", "body.txt", "headers.json", "console.json"}
	var names []string
	for _, a := range res.Evidence.Artifacts {
		names = append(names, a.Name)
		if a.Name != "end" && (a.Key == "" || int(a.Size) != len(s.kept[a.Key]) || a.Size == 0) {
			t.Errorf("%s: key %q, %d bytes, kept %d", a.Name, a.Key, a.Size, len(s.kept[a.Key]))
		}
	}
	if d := cmp.Diff(want, names); d != "" {
		t.Fatalf("artifacts (-want +got):\n%s", d)
	}
	dir := fmt.Sprintf("runs/2026-10-05/%s/1-", res.RunID)
	if got := s.kept[dir+"body.txt"]; got != full.Evidence.Response.Excerpt[:len(full.Evidence.Response.Excerpt)-2]+"\ufffd\ufffd" {
		t.Errorf("the body is kept as %d bytes, ending in %q", len(got), got[max(0, len(got)-8):])
	}
	var console []jobs.ConsoleEntry
	if err := json.Unmarshal([]byte(s.kept[dir+"console.json"]), &console); err != nil || !cmp.Equal(full.Evidence.Console, console) {
		t.Errorf("the console is kept with %d entries, %v", len(console), err)
	}
	if data, err := json.Marshal(res); err != nil || len(data) > runner.EvidenceCap+8192 {
		t.Errorf("the result itself has %d bytes, %v", len(data), err)
	}
}

// Without a store, or with one that does not work, the result still says that
// it is not all.
func TestCutPartsThatAreNotKept(t *testing.T) {
	for name, s := range map[string]*shelf{"no store": nil, "a store that is full": {err: errors.New("disk full")}} {
		res := run(t, s, huge)
		if n := len(res.Evidence.Artifacts); n != 9 {
			t.Fatalf("%s: %d artifacts", name, n)
		}
		for _, a := range res.Evidence.Artifacts[1:] {
			if a.Key != "" || a.Size == 0 {
				t.Errorf("%s: %+v", name, a)
			}
		}
		if !strings.HasSuffix(res.Fault.Message, "… (cut)") {
			t.Errorf("%s: the message ends in %q", name, res.Fault.Message[len(res.Fault.Message)-20:])
		}
	}
}

// A part beyond all measure is not kept either.
func TestPartsAreBounded(t *testing.T) {
	s := &shelf{kept: map[string]string{}}
	res := run(t, s, func(r *jobs.Result) {
		r.Evidence.Response = &jobs.Response{Excerpt: strings.Repeat("x", 8<<20+1)}
	})
	want := []jobs.Artifact{{Name: "body.txt", ContentType: "text/plain; charset=utf-8", Size: 8<<20 + 1}}
	if d := cmp.Diff(want, res.Evidence.Artifacts); d != "" || len(s.kept) != 0 {
		t.Errorf("kept %d files (-want +got):\n%s", len(s.kept), d)
	}
}
