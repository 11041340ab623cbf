package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Each kind of loss and of doubling is told apart.
func TestReconcile(t *testing.T) {
	body := func(i int) (id, body string) {
		c := check.Check{
			ID: "c", Name: "c", Every: time.Minute, Timeout: time.Second, Locations: []string{"l"}, Active: true,
			Spec: &check.API{Steps: []check.APIStep{{Request: check.Request{Method: "GET", URL: "http://t.invalid"}}}},
		}
		j := jobs.New(c, "l", time.Unix(int64(60*i), 0), 1, time.Unix(1, 0), time.Unix(9, 0))
		b, err := codec.EncodeJob(j)
		if err != nil {
			t.Fatal(err)
		}
		return j.ID, string(b)
	}
	ids, bodies := make([]string, 8), make([]string, 8)
	l := NewLedger()
	for i := range ids {
		ids[i], bodies[i] = body(i)
		if i < 6 {
			l.Accept(bodies[i])
		}
	}
	l.Accept(bodies[0]) // twice accepted is one job
	l.Accept("no message of the fleet")
	a := l.Reconcile(Ends{
		Expected: ids[:7], Counted: 5,
		Rows: []string{ids[0], ids[1], ids[1], ids[7]},
		Dead: bodies[2:3], Waiting: bodies[3:4],
	})
	got := fmt.Sprint(a.Accepted, len(a.Lost), len(a.Unsent), a.Twice[0] == ids[1], a.Strange[0] == ids[7], a.Miscounted)
	if want := "6 2 1 true true 1"; got != want {
		t.Errorf("account %s, want %s: %+v", got, want, a)
	}
	if vs := a.Violations(); len(vs) != 6 || !strings.HasPrefix(vs[0], "2 accepted jobs are lost: ") {
		t.Errorf("violations: %q", vs)
	}
	clean := NewLedger()
	clean.Accept(bodies[0])
	if vs := clean.Reconcile(Ends{Expected: ids[:1], Rows: ids[:1], Counted: -1}).Violations(); len(vs) > 0 {
		t.Errorf("violations where all is well: %q", vs)
	}
}

// A call that is executed and reported as an error has happened; one that is
// refused has not.
func TestFaulty(t *testing.T) {
	fault, after := errors.New("cut"), true
	m := NewMemory(nil)
	cut := 0
	f := Faulty{Database: m, Fault: func(string) (error, bool) { return fault, after }, Cut: func(rs []jobs.Result) { cut += len(rs) }}
	offer := func(id string) {
		if _, err := f.RecordReceived(context.Background(), []jobs.Result{{JobID: id}}, []string{""}); !errors.Is(err, fault) {
			t.Errorf("error %v, want %v", err, fault)
		}
	}
	offer("a")
	after = false
	offer("b")
	fault = nil
	offer("a")
	if rows, counted := m.Rows(); len(rows) != 1 || rows[0].JobID != "a" || counted != 1 || cut != 1 {
		t.Errorf("rows %v, counted %d, cut %d, want a once", rows, counted, cut)
	}
}
