package schedulercmd

import (
	"slices"
	"testing"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/scheduler"
)

func TestShadows(t *testing.T) {
	want := []scheduler.Shadow{{Location: "local", Class: jobs.ClassAPI, Share: 0.1}, {Location: "eu-1", Class: jobs.ClassBrowser, Share: 1}}
	if got, err := shadows("local/api=0.1, eu-1/browser=1"); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := shadows(""); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"local", "local/api", "local=0.1", "local/gpu=0.1", "/api=1", "local/api=0", "local/api=1.1", "local/api=NaN", "local/api=1,"} {
		if got, err := shadows(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}
