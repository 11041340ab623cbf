package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
)

// What a newer release has said and this one does not know goes all the way:
// from what was applied into the jobs, and from an announcement into the
// registry.
func TestUnknownFieldsStay(t *testing.T) {
	s, _ := open(t)
	c := shopLogin()
	c.Unknown = `{"labels":{"exact":9007199254740993,"text":"é"}}`
	apply(t, s, store.Applied{Created: []string{c.ID}}, c)
	apply(t, s, store.Applied{Unchanged: []string{c.ID}}, c)
	active, _, err := s.ActiveChecks(t.Context())
	if err != nil || len(active) != 1 || active[0].Unknown != c.Unknown {
		t.Fatalf("%v: %+v", err, active)
	}
	now := time.Now()
	j := jobs.New(active[0], "local", now, 1, now, now.Add(time.Minute))
	j.Reply = 1
	body, err := codec.EncodeJob(j)
	if err != nil || !strings.Contains(string(body), `"labels":{"exact":9007199254740993,"text":"é"}`) {
		t.Errorf("%v: %s", err, body)
	}
	// Said without them, the check is another.
	c.Unknown = ""
	apply(t, s, store.Applied{Changed: []string{c.ID}}, c)

	a := announcement("a", now)
	a.Unknown = `{"data":{"arch":"arm64"}}`
	must(t, s.WorkerSaid(t.Context(), a))
	if w := fleet(t, s).Workers; len(w) != 1 || w[0].Unknown != a.Unknown {
		t.Errorf("%+v", w)
	}
}
