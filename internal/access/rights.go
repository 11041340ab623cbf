package access

import "slices"

// Scope is one thing that somebody may do. A token has those that it was made
// with, a person those of their role. Scopes do not imply each other.
type Scope string

// The scopes.
const (
	ChecksRead       Scope = "checks:read"
	ChecksWrite      Scope = "checks:write"
	RunsRead         Scope = "runs:read"
	RunsTrigger      Scope = "runs:trigger"
	MetricsRead      Scope = "metrics:read"
	IncidentsWrite   Scope = "incidents:write"
	MaintenanceWrite Scope = "maintenance:write"
	PagesRead        Scope = "pages:read"
	PagesWrite       Scope = "pages:write"
	SubscribersRead  Scope = "subscribers:read"
	SubscribersAdmin Scope = "subscribers:admin"
	FleetRead        Scope = "fleet:read"
	DLQRedrive       Scope = "dlq:redrive"
	FleetAdmin       Scope = "fleet:admin"
	ChannelsAdmin    Scope = "channels:admin"
	TokensAdmin      Scope = "tokens:admin"
	PeopleAdmin      Scope = "people:admin"
	AuditRead        Scope = "audit:read"
)

// Role is what a person is to an installation. Each role may do what the one
// before it may.
type Role string

// The roles, the least first.
const (
	Viewer Role = "viewer"
	Editor Role = "editor"
	Admin  Role = "admin"
)

// Roles lists every role, the least first.
var Roles = []Role{Viewer, Editor, Admin}

// Right says for one scope which role is the least that has it.
type Right struct {
	Scope Scope
	Role  Role
	About string
}

// Rights is who may do what: every operation of the API and every page asks
// for one of these scopes, and there is no other way to be allowed anything.
var Rights = []Right{
	{ChecksRead, Viewer, "list, show and plan checks"},
	{ChecksWrite, Editor, "create, change, pause, mute and delete checks; give heartbeats their addresses"},
	{RunsRead, Viewer, "runs with their evidence, states, coverage, incidents"},
	{RunsTrigger, Editor, "have checks run now"},
	{MetricsRead, Viewer, "what checks measured, for Prometheus: /metrics"},
	{IncidentsWrite, Editor, "open, update and close incidents"},
	{MaintenanceWrite, Editor, "plan and cancel maintenance"},
	{PagesRead, Viewer, "list and plan status pages"},
	{PagesWrite, Editor, "create, change and delete status pages"},
	{SubscribersRead, Editor, "subscribers of status pages with masked addresses, and what they were sent"},
	{SubscribersAdmin, Admin, "export subscribers of status pages with their addresses, remove them"},
	{FleetRead, Viewer, "workers, locations, dead letters"},
	{DLQRedrive, Editor, "send dead letters back to where they came from"},
	{FleetAdmin, Admin, "message versions; discard dead letters"},
	{ChannelsAdmin, Admin, "where alerts go"},
	{TokensAdmin, Admin, "list, make and revoke tokens"},
	{PeopleAdmin, Admin, "list, add and disable people, their roles and passwords"},
	{AuditRead, Admin, "what was changed, by whom"},
}

// Scopes lists every scope.
var Scopes = func() []Scope {
	all := make([]Scope, len(Rights))
	for i, r := range Rights {
		all[i] = r.Scope
	}
	return all
}()

// Known reports whether there is such a role.
func (r Role) Known() bool { return slices.Contains(Roles, r) }

// Allows reports whether the role has the scope. An unknown role has none, and
// an unknown scope nobody.
func (r Role) Allows(s Scope) bool {
	return slices.ContainsFunc(Rights, func(right Right) bool {
		return right.Scope == s && r.Known() && slices.Index(Roles, r) >= slices.Index(Roles, right.Role)
	})
}

// Scopes lists what the role has.
func (r Role) Scopes() []Scope {
	var has []Scope
	for _, s := range Scopes {
		if r.Allows(s) {
			has = append(has, s)
		}
	}
	return has
}
