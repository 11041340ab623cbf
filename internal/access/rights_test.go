package access

import (
	"slices"
	"testing"
)

// Who may do what, written out a second time: a change of the table has to be
// meant.
func TestRights(t *testing.T) {
	viewer := []Scope{ChecksRead, RunsRead, MetricsRead, PagesRead, FleetRead}
	editor := append(slices.Clone(viewer), ChecksWrite, RunsTrigger, IncidentsWrite, MaintenanceWrite, PagesWrite, SubscribersRead, DLQRedrive)
	for role, want := range map[Role][]Scope{Viewer: viewer, Editor: editor, Admin: Scopes, "": nil, "root": nil} {
		for _, s := range append(slices.Clone(Scopes), "", "unknown:scope") {
			if got := role.Allows(s); got != slices.Contains(want, s) {
				t.Errorf("%q with %q: %t", role, s, got)
			}
		}
		if got := role.Scopes(); len(got) != len(want) {
			t.Errorf("%q has %v, want %v", role, got, want)
		}
	}
	seen := map[Scope]bool{}
	for _, r := range Rights {
		if seen[r.Scope] || !r.Role.Known() || r.About == "" {
			t.Errorf("%+v", r)
		}
		seen[r.Scope] = true
	}
}

func TestActor(t *testing.T) {
	if a := ActorOf(t.Context()); a.Kind != ActorSystem || a.Allows(ChecksRead) {
		t.Errorf("nobody is %+v", a)
	}
	ctx := WithActor(t.Context(), Actor{Kind: ActorPerson, Name: "ada", Scopes: Viewer.Scopes()})
	if a := ActorOf(ctx); a.Name != "ada" || !a.Allows(ChecksRead) || a.Allows(ChecksWrite) {
		t.Errorf("%+v", a)
	}
}
