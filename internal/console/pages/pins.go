package pages

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/web"
)

// JobVersions and ResultVersions are the versions that a message can be pinned
// to, the oldest first.
func (fleetView) JobVersions() []int { return upTo(codec.JobVersion) }

// ResultVersions is JobVersions for results.
func (fleetView) ResultVersions() []int { return upTo(codec.ResultVersion) }

func upTo(highest int) []int {
	var out []int
	for v := 1; v <= highest; v++ {
		out = append(out, v)
	}
	return out
}

// pin sets the version of messages by hand, or gives it back to the scheduler.
func (p *pages) pin(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	o := console.Override{Location: r.PostForm.Get("location"), Class: r.PostForm.Get("class")}
	version, err := strconv.Atoi(r.PostForm.Get("version"))
	if err != nil {
		return web.Fault{Status: http.StatusUnprocessableEntity, Text: "Nothing was set: choose a version."}
	}
	o.Version = version
	if err := p.Console.SetPin(r.Context(), o); err != nil {
		return err
	}
	say := web.Flash{Text: fmt.Sprintf("Messages are written in version %d from now on, whoever can read it. Give it back when that is over.", version)}
	if version == 0 {
		say.Text = "The scheduler chooses the version again."
	}
	p.Frame.Redirect(w, r, "/fleet#pins", say)
	return nil
}
