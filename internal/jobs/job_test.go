package jobs

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/check"
)

var slot = time.Date(2026, 3, 14, 15, 9, 26, 535_000_000, time.UTC)

// Ids are computed by every scheduler, recorder and release alike: these
// values may never change.
func TestIDsAreForEver(t *testing.T) {
	for want, got := range map[string]string{
		"b259def7-8979-57c0-877e-2b715f9c845c": RunID("shop-orders", "local", slot),
		"b42228c7-755c-55ff-ab4e-c417648ad74f": RunID("a", "b", time.Unix(0, 0)),
		"0e40e392-5114-55e7-b1c5-96109195436c": AttemptID("shop-orders", "local", slot, 1),
		"0825cd6e-1bdd-512a-af21-6fe907a32ff9": AttemptID("shop-orders", "local", slot, 2),
	} {
		if got != want {
			t.Errorf("got %s, for ever %s", got, want)
		}
	}
}

// The 128 bits of RFC 9562, section 5.5: version 5, variant 10.
func TestIDsAreUUIDv5(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for i := range 1000 {
		for _, id := range []string{RunID("a", "b", slot.Add(time.Duration(i))), AttemptID("a", "b", slot, i)} {
			if !form.MatchString(id) {
				t.Fatalf("%s is no UUIDv5", id)
			}
		}
	}
	// The example of RFC 9562, appendix A.4.
	dns := [16]byte{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}
	if got := fmt.Sprintf("%x", hash5(dns, "www.example.com")); got != "2ed6657de927568b95e12665a8aea6a2" {
		t.Errorf("www.example.com is %s", got)
	}
}

func TestIDsAreDistinct(t *testing.T) {
	seen := map[string]string{}
	add := func(id, what string) {
		t.Helper()
		if other, taken := seen[id]; taken {
			t.Fatalf("%s and %s have the id %s", what, other, id)
		}
		seen[id] = what
	}
	// Names of which one's end could be taken for the other's start.
	for _, c := range []string{"a", "b", "ab", "a-1", "a1", "1"} {
		for _, l := range []string{"a", "b", "ab", "1", "1-1"} {
			for s := range 5 {
				at := slot.Add(time.Duration(s) * time.Millisecond)
				add(RunID(c, l, at), fmt.Sprint("run ", c, l, s))
				for n := 1; n < 12; n++ {
					add(AttemptID(c, l, at, n), fmt.Sprint("attempt ", c, l, s, n))
				}
			}
		}
	}
}

func TestIDsDoNotDependOnTheZone(t *testing.T) {
	there := slot.In(time.FixedZone("Kolkata", 5*3600+1800))
	if RunID("a", "b", slot) != RunID("a", "b", there) || AttemptID("a", "b", slot, 1) != AttemptID("a", "b", there, 1) {
		t.Error("the same instant has two ids")
	}
}

func TestNew(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	c := check.Check{ID: "shop-orders", Spec: &check.Browser{}}
	j := New(c, "local", slot.In(zone), 2, slot.Add(time.Second).In(zone), slot.Add(time.Minute).In(zone))
	want := Job{
		ID: AttemptID("shop-orders", "local", slot, 2), RunID: RunID("shop-orders", "local", slot),
		Check: c, Location: "local", Slot: slot, Attempt: 2, SentAt: slot.Add(time.Second), ExpiresAt: slot.Add(time.Minute),
	}
	if d := cmp.Diff(want, j); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, at := range []time.Time{j.Slot, j.SentAt, j.ExpiresAt} {
		if at.Location() != time.UTC {
			t.Errorf("%s is not in UTC", at)
		}
	}
	r := ResultFor(j)
	wantResult := Result{
		JobID: j.ID, RunID: j.RunID, CheckID: "shop-orders", Kind: check.KindBrowser, Location: "local",
		Slot: slot, Attempt: 2, SentAt: j.SentAt,
	}
	if d := cmp.Diff(wantResult, r); d != "" {
		t.Errorf("result (-want +got):\n%s", d)
	}
}

func TestClassOf(t *testing.T) {
	for _, k := range check.Kinds {
		want := ClassAPI // all but a browser is quick
		if k == check.KindBrowser {
			want = ClassBrowser
		}
		if got := ClassOf(k); got != want {
			t.Errorf("%s: %s, want %s", k, got, want)
		}
	}
}
