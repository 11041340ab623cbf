package codec

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probefleet/probefleet/internal/jobs"
)

func TestAnnouncements(t *testing.T) {
	for name, want := range announcementSamples() {
		body, err := EncodeAnnouncement(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeAnnouncement(body)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, d)
		}
		if typ := TypeOf(body); typ != TypeWorker {
			t.Errorf("%s: of type %q", name, typ)
		}
	}
	body, err := EncodeAnnouncement(announcementSamples()["full"])
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct{ old, new, want string }{
		{`"location":`, `"place":`, "data.location is missing"},
		{`"reads":{"probefleet.job":2}`, `"reads":{}`, "data.reads.probefleet.job is 0 or missing; versions count from 1"},
		{`"time":`, `"tyme":`, "time is missing"},
		{`"lanes":[`, `"lanes":7,"was":[`, "data.lanes is a JSON number; it should be an array"},
	} {
		_, err := DecodeAnnouncement(edit(t, body, f.old, f.new))
		if err == nil || err.Error() != "decoding probefleet.worker: "+f.want {
			t.Errorf("%s: got %v, want %s", f.new, err, f.want)
		}
	}
	for _, change := range []func(*jobs.Announcement){
		func(a *jobs.Announcement) { a.Worker.ID = "" },
		func(a *jobs.Announcement) { a.Location = "" },
		func(a *jobs.Announcement) { a.SentAt = a.SentAt.AddDate(-3000, 0, 0) },
		func(a *jobs.Announcement) { a.Reads = 0 },
	} {
		a := announcementSamples()["full"]
		change(&a)
		if _, err := EncodeAnnouncement(a); err == nil {
			t.Errorf("encoded %+v", a)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for body, want := range map[string]string{
		string(jobBytes(t, "api")):             TypeJob,
		string(resultBytes(t, "tls")):          TypeResult,
		` {"v":3,"min":2,"type":"x","id":"y"}`: "x",
		`{"v":3,"min":2,"id":"y"}`:             "",
		"hello":                                "",
	} {
		if got := TypeOf([]byte(body)); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
