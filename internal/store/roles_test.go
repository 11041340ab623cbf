package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

var update = flag.Bool("update", false, "write docs/database-roles.md anew")

// as is a store whose connections have a daemon's role.
func as(t *testing.T, url, role string) *store.Store {
	t.Helper()
	s, err := store.OpenAs(t.Context(), url, role)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// denied reports whether the database refused for want of rights.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}

// impossible reports whether it is nothing that could be done to a view.
func impossible(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42809" || pg.Code == "55000")
}

// attempts are what is tried on each relation, by its letter.
var attempts = []struct{ letter, statement string }{
	{"r", `SELECT FROM %[1]s LIMIT 0`},
	{"a", `INSERT INTO %[1]s DEFAULT VALUES`},
	{"w", `UPDATE %[1]s SET %[2]s = DEFAULT WHERE false`},
	{"d", `DELETE FROM %[1]s WHERE false`},
	{"D", `TRUNCATE %[1]s CASCADE`},
}

// Each database role tries everything on every relation there is; what
// succeeds is what store.Grants says, and for the status page its views.
func TestRolesOfTheDatabase(t *testing.T) {
	url := storetest.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `
		SELECT c.relname, (SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1)
		FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	relations := map[string]string{}
	var name, column string
	if _, err := pgx.ForEachRow(rows, []any{&name, &column}, func() error { relations[name] = column; return nil }); err != nil {
		t.Fatal(err)
	}
	granted := map[string]store.Grant{}
	for _, g := range store.Grants {
		granted[g.Name] = g
		if relations[g.Name] == "" && !strings.Contains(g.Scheduler+g.Recorder+g.Console, "x") {
			t.Errorf("rights are granted to %s, which is not there", g.Name)
		}
	}
	try := func(role, statement string) error {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
		if _, err := tx.Exec(t.Context(), `SET LOCAL ROLE `+role); err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(t.Context(), statement)
		return err
	}
	tried := 0
	for _, role := range append(slices.Clone(store.Roles), store.PublicRole) {
		for relation, column := range relations {
			want := granted[relation].Of(role)
			if role == store.PublicRole && strings.HasPrefix(relation, "public_") {
				want = "r"
			}
			var got strings.Builder
			for _, a := range attempts {
				tried++
				if err := try(role, fmt.Sprintf(a.statement, relation, column)); !denied(err) && !impossible(err) {
					got.WriteString(a.letter)
				}
			}
			if got.String() != want {
				t.Errorf("%s may do %q with %s, want %q", role, got.String(), relation, want)
			}
		}
		for _, what := range []string{
			`SELECT nextval('checks_revision')`, `SELECT drop_runs_partition('1999-01-01')`, `SELECT make_runs_partition('1999-01-01')`, `SELECT prune_audit('1999-01-01')`,
			`SELECT grant_public_views()`, `CREATE TABLE mine ()`, `DROP TABLE checks`, `ALTER TABLE runs DISABLE TRIGGER ALL`, `CREATE ROLE mine`,
			`SELECT public_unsubscribe('x', '')`, `SELECT public_subscribe('x', 'email', 'a@b', true, '{}', '{}')`, `SELECT public_confirm_subscription('x', '')`,
			`SELECT FROM public_subscription('x', '')`, `SELECT public_change_subscription('x', '', true, '{}', '{}')`,
			`SELECT rolpassword FROM pg_authid`, `SELECT pg_read_file('/etc/passwd')`, `ALTER TABLE people OWNER TO ` + role,
		} {
			tried++
			want := slices.ContainsFunc(store.Grants, func(g store.Grant) bool {
				name, _, _ := strings.Cut(g.Name, "(")
				return g.Of(role) == "x" && strings.Contains(what, name)
			}) || role == store.PublicRole && strings.Contains(what, " public_")
			if err := try(role, what); denied(err) == want {
				t.Errorf("%s: %s: %v", role, what, err)
			}
		}
	}
	t.Logf("%d actions tried by %d roles on %d relations", tried, len(store.Roles)+1, len(relations))
}

// daily is which daemon calls which method of the store. A method that is not
// here is refused: say whose it is.
var daily = map[string][]string{
	store.SchedulerRole: {
		"ActiveChecks", "AdvanceWatermarks", "AssignRetries", "ChecksRevision", "DueRetries", "DueTriggers", "Fleet", "KeepPins", "KeepWanted", "LeaseShards",
		"Now", "Ping", "ReleaseShards", "Served", "SettleRetries", "SettleTriggers", "SickLocations", "TakeOver", "Wanted",
	},
	store.RecorderRole: {
		"AddWork", "BurningBudgets", "ClaimDelivery", "CountDeliveries", "DeadResults", "DeclareLocation", "DropRuns", "DueDeadMen", "EndingCertificates", "EnsurePartitions",
		"HeartbeatsDue", "HeartbeatsJudged", "KeepConditions", "LastMeasured", "LocationSamples", "NoteDeadLetter", "Now", "Ping", "PlanAlerts",
		"ClaimSubscriptionDelivery", "CountSubscriptions", "GiveSubscriptionToken", "NoteSubscriptionEvents", "PlanSubscriptions", "PruneSubscriptions",
		"SettleSubscriptionDelivery", "TakeSubscriptionRequests",
		"Promises", "PruneAlerts", "PrunePings", "PruneRetries", "Ready", "RecordReceived", "RecordShadow", "RecorderSaid", "SettleDelivery", "SickConditions", "Tally",
		"UnplannedAlerts", "WorkerSaid", "WorkerWorked",
	},
	store.ConsoleRole: {
		"ActiveChecks", "Activity", "AddPerson", "AddPing", "AddTriggers", "Alerts", "ApplyChannels", "ApplyChecks", "ApplyPages", "ApplySet", "Attempts", "Audit",
		"CancelMaintenance", "Catalogue", "ChangeCheck", "ChangePerson", "Channels", "Coverage", "CreateToken", "DeadLetterNotes", "DeadResults",
		"DeadResultsByID", "Deliveries", "Delivery", "DescribeIncident", "DropDeadResults", "EndSession", "Fleet", "GiveAddress", "Incident", "Incidents",
		"KeepEnvironmentToken", "KeepFlow", "Latencies", "Locations", "MergeIncident", "Meters", "Note", "NoteLogin", "Now", "OpenIncident", "OpenSession",
		"OverridePin", "Overview", "Pages", "People", "Periods", "PersonByName", "PersonBySubject", "Ping", "Pings", "PlanMaintenance", "PlannedMaintenance", "Promises",
		"PruneAudit", "PruneSessions", "PruneTriggers", "ReceiverHere", "Recent", "Rehash", "RemoveChannel", "RemoveChecks", "RemovePage", "ReplayRuns", "Revisions",
		"RevokeToken", "Run", "Runs", "SessionByDigest", "Sessions", "SetPassword", "ShadowBuilds", "ShadowPairs", "Statuses", "TakeFlow", "TestChannel", "TokenByHash", "Tokens",
		"TouchSession", "TouchToken", "Triggered", "Trusted", "UnknownChannels", "UpdateIncident",
		"ExportSubscribers", "RemoveSubscriber", "SubscriberCounts", "Subscribers", "SubscriptionDeliveries",
	},
	store.PublicRole: {
		"PublicBuckets", "PublicChecks", "PublicCounted", "PublicIncident", "PublicIncidents", "PublicLatencies", "PublicMaintenance", "PublicOutages", "PublicPages", "PublicRuns",
		"PublicChange", "PublicConfirm", "PublicSubscribe", "PublicSubscription", "PublicUnsubscribe", "PublicWays",
	},
	"nobody": {"Close", "Renew"},
}

// something is a value of a type, for a call whose answer does not matter.
func something(t *testing.T, want reflect.Type) reflect.Value {
	switch want {
	case reflect.TypeFor[context.Context]():
		return reflect.ValueOf(t.Context())
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Now().Add(-20 * 24 * time.Hour))
	case reflect.TypeFor[time.Duration]():
		return reflect.ValueOf(time.Minute)
	case reflect.TypeFor[jobs.Result]():
		return reflect.ValueOf(result(shopLogin(), "here", lately(), jobs.Failed, time.Second))
	case reflect.TypeFor[check.Check]():
		return reflect.ValueOf(shopLogin())
	case reflect.TypeFor[alert.Channel]():
		return reflect.ValueOf(hook("ops"))
	}
	v := reflect.New(want).Elem()
	switch want.Kind() {
	case reflect.String:
		v.SetString(requestID)
	case reflect.Int:
		v.SetInt(1)
	case reflect.Slice:
		if want.Elem().Kind() != reflect.Interface {
			v.Set(reflect.Append(v, something(t, want.Elem())))
		}
	case reflect.Struct:
		for i := range want.NumField() {
			if f := want.Field(i); f.IsExported() && f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
				v.Field(i).Set(something(t, f.Type))
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(want))
	case reflect.Func:
		v.Set(reflect.MakeFunc(want, func([]reflect.Value) []reflect.Value { return nil }))
	}
	return v
}

// No method of a daemon is refused for want of rights under the daemon's role,
// and every method is some daemon's.
func TestEveryMethodUnderItsRole(t *testing.T) {
	url := storetest.Database(t)
	known := map[string]bool{}
	for role, methods := range daily {
		s := as(t, url, role)
		if role == store.PublicRole {
			var err error
			if s, err = store.OpenPublic(t.Context(), url); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
		}
		for _, name := range methods {
			known[name] = true
			if role == "nobody" {
				continue
			}
			m := reflect.ValueOf(s).MethodByName(name)
			if !m.IsValid() {
				t.Errorf("there is no method %s", name)
				continue
			}
			args := make([]reflect.Value, m.Type().NumIn())
			for i := range args {
				args[i] = something(t, m.Type().In(i))
			}
			if name == "PublicBuckets" {
				args[1] = reflect.ValueOf(store.Hour)
			}
			call := m.Call
			if m.Type().IsVariadic() {
				call = m.CallSlice
			}
			var answers []reflect.Value
			func() {
				defer func() {
					if what := recover(); what != nil {
						t.Errorf("%s by %s with these values: %v", name, role, what)
					}
				}()
				answers = call(args)
			}()
			if len(answers) == 0 {
				continue
			}
			if err, _ := answers[len(answers)-1].Interface().(error); denied(err) {
				t.Errorf("%s by %s: %v", name, role, err)
			}
		}
	}
	all := reflect.TypeFor[*store.Store]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; !known[name] {
			t.Errorf("Store.%s is nobody's: write it into daily of roles_test.go, and what it needs into store.Grants", name)
		}
	}
}

// A day of each daemon, under its role, on a real server: what the one leaves
// the next one takes up, and none does more than it may.
func TestADayUnderTheRoles(t *testing.T) {
	url := storetest.Database(t)
	desk, sends, writes := as(t, url, store.ConsoleRole), as(t, url, store.SchedulerRole), as(t, url, store.RecorderRole)
	for role, s := range map[string]*store.Store{store.ConsoleRole: desk, store.SchedulerRole: sends, store.RecorderRole: writes} {
		if _, err := s.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := ask[int](t, url, `SELECT count(*)::int FROM pg_roles WHERE rolname = $1`, role); n != 1 {
			t.Fatalf("the role %s is not there", role)
		}
	}
	c := shopLogin()
	c.Retry = check.Retry{Strategy: "fixed", Base: time.Second, Max: 1}
	apply(t, desk, store.Applied{Created: []string{c.ID}}, c)
	if _, err := desk.ApplyChannels(t.Context(), []alert.Channel{hook("ops")}, "", false); err != nil {
		t.Fatal(err)
	}
	must(t, desk.AddTriggers(t.Context(), store.TriggerRequest{ID: requestID, RequestedBy: "ci", Runs: []jobs.Trigger{trigger(c.ID, "here", noon)}}))
	if checks, _, err := sends.ActiveChecks(t.Context()); err != nil || len(checks) != 1 {
		t.Fatal(checks, err)
	}
	leases, err := sends.LeaseShards(t.Context(), "s", time.Minute)
	if err != nil || len(leases) == 0 {
		t.Fatal(leases, err)
	}
	due, err := sends.DueTriggers(t.Context(), numbers(leases))
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	must(t, sends.SettleTriggers(t.Context(), due))
	now := time.Now().UTC()
	must(t, writes.EnsurePartitions(t.Context(), now.Add(-72*time.Hour), now.Add(24*time.Hour)))
	begin := lately()
	record(t, writes, store.Recorded{Stored: 1}, result(c, "here", noon, jobs.Passed, time.Second))
	record(t, writes, store.Recorded{Stored: 3},
		result(c, "here", begin, jobs.Passed, time.Second), result(c, "here", begin.Add(time.Minute), jobs.Failed, time.Second),
		result(c, "there", begin.Add(time.Minute), jobs.Inconclusive, time.Second))
	record(t, writes, store.Recorded{Duplicates: 1}, result(c, "here", begin, jobs.Passed, time.Second))
	again, err := sends.DueRetries(t.Context(), numbers(leases))
	for deadline := time.Now().Add(20 * time.Second); err == nil && len(again) == 0 && time.Now().Before(deadline); {
		again, err = sends.DueRetries(t.Context(), numbers(leases)) // it is due after a second
	}
	if err != nil || len(again) == 0 {
		t.Fatal("no retry is due", err)
	}
	must(t, sends.AssignRetries(t.Context(), again))
	must(t, sends.SettleRetries(t.Context(), again))
	second := result(c, "here", begin.Add(time.Minute), jobs.Failed, time.Second)
	second.Attempt = 2
	second.JobID = jobs.AttemptID(c.ID, "here", second.Slot, 2)
	record(t, writes, store.Recorded{Stored: 1}, second)
	must(t, writes.Tally(t.Context()))
	if list, err := desk.Incidents(t.Context(), store.IncidentFilter{}); err != nil || len(list) != 1 || list[0].CheckID != c.ID {
		t.Errorf("incidents: %+v, %v", list, err)
	}
	if _, err := writes.PlanAlerts(t.Context(), now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	if _, err := writes.PlanAlerts(t.Context(), now.Add(2*time.Minute)); err != nil {
		t.Error(err)
	}
	d, found, err := writes.ClaimDelivery(t.Context(), now.Add(3*time.Minute), time.Minute)
	if err != nil || !found {
		t.Fatal("nothing is to be delivered", err)
	}
	if _, err := writes.SettleDelivery(t.Context(), d, alert.Outcome{Status: 200}); err != nil {
		t.Error(err)
	}
	must(t, writes.EnsurePartitions(t.Context(), now.Add(-40*24*time.Hour), now.Add(-39*24*time.Hour)))
	if days, err := writes.DropRuns(t.Context(), now.Add(-30*24*time.Hour)); err != nil || len(days) == 0 {
		t.Errorf("no old day was dropped: %v, %v", days, err)
	}
	for what, err := range map[string]error{
		"the recorder reads passwords":   second1(writes.People(t.Context())),
		"the recorder changes checks":    second1(writes.RemoveChecks(t.Context(), []string{c.ID})),
		"the scheduler reads results":    second1(sends.Attempts(t.Context(), c.ID, begin, jobs.RunID(c.ID, "here", begin))),
		"the scheduler reads tokens":     second1(sends.Tokens(t.Context())),
		"the console writes results":     second1(desk.RecordReceived(t.Context(), []jobs.Result{result(c, "here", begin.Add(time.Hour), jobs.Passed, time.Second)}, nil)),
		"the console drops results":      second1(desk.DropRuns(t.Context(), now.Add(-20*24*time.Hour))),
		"the console takes over a shard": desk.TakeOver(t.Context(), "s/1"),
	} {
		if !denied(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second1[T any](_ T, err error) error { return err }

// docs/database-roles.md has the table as it is.
func TestRolesAreWrittenDown(t *testing.T) {
	const file, begin, end = "../../docs/database-roles.md", "<!-- made by TestRolesAreWrittenDown -->\n", "<!-- until here -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	table, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	var b strings.Builder
	b.WriteString("| | scheduler | recorder | console |\n|---|---|---|---|\n")
	words := strings.NewReplacer("r", "read, ", "a", "add, ", "w", "change, ", "d", "delete, ", "x", "use, ")
	for _, g := range store.Grants {
		fmt.Fprintf(&b, "| `%s`", g.Name)
		for _, role := range store.Roles {
			fmt.Fprintf(&b, " | %s", strings.TrimSuffix(words.Replace(g.Of(role)), ", "))
		}
		b.WriteString(" |\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+b.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(b.String(), table); d != "" {
		t.Errorf("%s is not what store.Grants says; run `go test ./internal/store -run TestRolesAreWrittenDown -update` (-code +file):\n%s", file, d)
	}
}
