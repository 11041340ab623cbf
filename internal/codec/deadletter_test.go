package codec

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func deadLetterSamples() map[string]jobs.DeadLetter {
	return map[string]jobs.DeadLetter{
		"minimal": {Queue: "probefleet-jobs-local-api", MessageID: "m1", Reason: jobs.DeadVersion},
		"handler": {
			Queue: "probefleet-jobs-local-browser", MessageID: "5fea7756-0ea4-451a-a703-a558b933e274", Reason: jobs.DeadHandler,
			Error: "running job \"a\": <no> \x00 \xff", Worker: "host/42", At: at(0),
		},
	}
}

func TestDeadLetters(t *testing.T) {
	for name, want := range deadLetterSamples() {
		body, err := EncodeDeadLetter(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeDeadLetter(body)
		want.Error = strings.NewReplacer("\x00", "\ufffd", "\xff", "\ufffd").Replace(want.Error)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v\n%s", name, err, d)
		}
		if a := Attributes(body); a["type"] != TypeDeadLetter || a["version"] != "1" {
			t.Errorf("%s: attributes %v", name, a)
		}
		// A recorder of a release that knows no notes takes none for a result.
		if _, err := DecodeResult(body); !isField(err, "type") {
			t.Errorf("%s read as a result: %v", name, err)
		}
	}
	for _, d := range []jobs.DeadLetter{{}, {Queue: "q", Reason: jobs.DeadPanic}, {MessageID: "m", Queue: "q"}, {MessageID: "m", Reason: "r"}} {
		if _, err := EncodeDeadLetter(d); err == nil {
			t.Errorf("%+v was written", d)
		}
	}
	newer := `{"type":"probefleet.deadletter","v":9,"min":9,"id":"m","data":{}}`
	if _, err := DecodeDeadLetter([]byte(newer)); !errors.As(err, new(*UnsupportedVersionError)) {
		t.Errorf("version 9: %v", err)
	}
	for field, bad := range map[string]string{"data.queue": `{"reason":"r"}`, "data.reason": `{"queue":"q"}`} {
		body := `{"type":"probefleet.deadletter","v":1,"min":1,"id":"m","data":` + bad + `}`
		if _, err := DecodeDeadLetter([]byte(body)); !isField(err, field) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func isField(err error, field string) bool {
	e, ok := errors.AsType[*DecodeError](err)
	return ok && e.Field == field
}

func TestLook(t *testing.T) {
	want := Glance{CheckID: "shop", Location: "local"}
	for body, want := range map[string]Glance{
		`{"type":"probefleet.job","v":99,"min":99,"id":"x","data":{"check":{"id":"shop","new":{}},"location":"local"}}`:     want,
		`{"type":"probefleet.result","v":99,"min":99,"id":"x","data":{"check_id":"shop","location":"local","check":"odd"}}`: want,
		`{"data":{"location":7,"check_id":"shop"}}`: {CheckID: "shop"},
		`{"data":[]}`: {}, `[]`: {}, ``: {}, `{"data":`: {}, "\xff": {},
	} {
		if got := Look([]byte(body)); got != want {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}
