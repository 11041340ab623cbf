package consolecmd

import (
	"testing"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/pagetest"
	"github.com/probefleet/probefleet/internal/status"
)

// An open page of a check follows what becomes of its definition, without being
// loaded again: the description, and the revision that says who changed it.
func TestAnOpenPageFollowsTheDefinition(t *testing.T) {
	w := settle(t, plainly)
	tab := pagetest.Start(t).Visit(t, w.url+"/checks/till", pagetest.View{Cookie: w.session(t, access.Viewer)})
	defer tab.Close()
	tab.Eval(`window.stays = "the same document"; ""`)
	_, err := w.db.ChangeCheck(w.ctx(), "till", func(c *check.Check) { c.Description = "Says whether tills can be reached." })
	w.must(err)
	got := tab.Eval(`new Promise((done) => {
		const look = () => {
			const hero = document.querySelector("[data-part=hero]").innerText, revisions = document.querySelector("#revisions").closest("section").innerText;
			if (hero.includes("tills can be reached") && revisions.includes("2 definitions") && revisions.includes("by anna") && revisions.includes("description")) done(window.stays || "another document");
			else setTimeout(look, 50);
		};
		look();
		setTimeout(() => done("nothing within a minute"), 60e3);
	})`)
	if got != "the same document" {
		t.Errorf("the change is seen in %s", got)
	}
}

// So does the list of incidents: what somebody else opens is put into it.
func TestAnOpenListFollowsIncidents(t *testing.T) {
	w := settle(t, plainly)
	tab := pagetest.Start(t).Visit(t, w.url+"/incidents", pagetest.View{Cookie: w.session(t, access.Viewer)})
	defer tab.Close()
	tab.Eval(`window.stays = "the same document"; ""`)
	_, err := w.db.OpenIncident(w.ctx(), status.Report{Title: "Tills print nothing", Impact: status.ImpactOutage, Checks: []string{"till"}})
	w.must(err)
	got := tab.Eval(`new Promise((done) => {
		const look = () => {
			if (document.querySelector("main").innerText.includes("Tills print nothing")) done(window.stays || "another document");
			else setTimeout(look, 50);
		};
		look();
		setTimeout(() => done("nothing within a minute"), 60e3);
	})`)
	if got != "the same document" {
		t.Errorf("the incident is seen in %s", got)
	}
}
