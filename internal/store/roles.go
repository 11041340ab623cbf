package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The database roles of the daemons. Each may do what its daemon does, and
// nothing else; see [Grants]. That of the status page is [PublicRole].
const (
	SchedulerRole = "probefleet_scheduler"
	RecorderRole  = "probefleet_recorder"
	ConsoleRole   = "probefleet_console"
)

// Roles lists the roles of [Grants], in the order of its letters.
var Roles = []string{SchedulerRole, RecorderRole, ConsoleRole}

// Grant is what the roles may do with one relation: letters of SELECT (r),
// INSERT (a), UPDATE (w) and DELETE (d), as Postgres abbreviates them. What is
// updated or deleted is read as well. Of a function or sequence "x" is to use it.
type Grant struct {
	Name                         string
	Scheduler, Recorder, Console string
}

// Grants is everything that the roles may do. A relation that is not here is
// nobody's but its owner's: whoever adds one says here who needs it. What is
// missing is granted at the end of every [Migrate]; nothing is taken away there,
// because a release that is newer may have given it.
var Grants = []Grant{
	{"alert_log", "", "rad", "r"},
	{"alerts", "", "rawd", "r"},
	{"api_tokens", "", "", "raw"},
	{"audit", "", "", "ra"},
	{"channels", "", "r", "rawd"},
	{"check_history", "", "r", "raw"},
	{"check_status", "", "raw", "r"},
	{"checks", "r", "r", "raw"},
	{"dead_letters", "", "rawd", "r"},
	{"dead_man_calls", "", "raw", ""},
	{"dead_results", "", "ra", "rd"},
	{"deliveries", "", "rawd", "raw"},
	{"delivery_tries", "", "ra", "r"},
	{"heartbeats", "", "raw", "raw"},
	{"incident_updates", "", "", "ra"},
	{"incidents", "", "raw", "raw"},
	{"latest", "", "raw", "r"},
	{"latest_known", "", "", "r"},
	{"location_events", "", "ra", "r"},
	{"location_health", "r", "raw", "r"},
	{"login_flows", "", "", "rad"},
	{"maintenance", "", "r", "raw"},
	{"pages", "", "", "rawd"},
	{"people", "", "", "raw"},
	{"ping_receivers", "", "rd", "raw"},
	{"pings", "", "rd", "ra"},
	{"pins", "raw", "", "raw"},
	{"public_checks", "", "r", ""},
	{"public_incident_updates", "", "r", ""},
	{"public_incidents", "", "r", ""},
	{"public_maintenance", "", "r", ""},
	{"public_pages", "", "r", ""},
	{"public_subscription_ways", "", "r", ""},
	{"recorders", "r", "rawd", "r"},
	{"retries", "rw", "rad", ""},
	{"rollups", "", "raw", ""},
	{"runs", "", "ra", "r"},
	{"runs_default", "", "rd", ""},
	{"schedulers", "rawd", "", ""},
	{"service_times", "r", "rawd", ""},
	{"sessions", "", "", "rawd"},
	{"shadow_runs", "", "rad", "r"},
	{"shards", "rw", "", ""},
	{"status_marks", "", "rawd", ""},
	{"subscription_deliveries", "", "rawd", "r"},
	{"subscription_events", "", "rad", "r"},
	{"subscription_requests", "", "rwd", ""},
	{"subscription_secrets", "", "ra", ""},
	{"subscription_tokens", "", "rad", ""},
	{"subscriptions", "", "rawd", "rd"},
	{"tallied_hours", "", "rad", ""},
	{"tallies", "", "rad", "r"},
	{"tally_again", "", "rad", ""},
	{"transitions", "", "rawd", ""},
	{"triggers", "rw", "rw", "rad"},
	{"undecided", "", "rawd", "r"},
	{"wanted_workers", "rawd", "", ""},
	{"workers", "r", "rawd", "r"},

	{"checks_revision", "", "", "x"},
	{"drop_runs_partition(date)", "", "x", ""},
	{"make_runs_partition(date)", "", "x", ""},
	{"prune_audit(timestamptz)", "", "", "x"},
}

// Of is what a role may do with the relation.
func (g Grant) Of(role string) string {
	return map[string]string{SchedulerRole: g.Scheduler, RecorderRole: g.Recorder, ConsoleRole: g.Console}[role]
}

var letters = map[rune]string{'r': "SELECT", 'a': "INSERT", 'w': "UPDATE", 'd': "DELETE", 'x': ""}

// statement grants one letter to a role.
func (g Grant) statement(role string, letter rune) string {
	switch {
	case strings.HasSuffix(g.Name, ")"):
		return "GRANT EXECUTE ON FUNCTION " + g.Name + " TO " + role
	case letter == 'x':
		return "GRANT USAGE ON SEQUENCE " + g.Name + " TO " + role
	}
	return "GRANT " + letters[letter] + " ON " + g.Name + " TO " + role
}

// has asks whether a role has one letter; what is not there is not missed.
func (g Grant) has(letter rune) string {
	switch {
	case strings.HasSuffix(g.Name, ")"):
		return "to_regprocedure('" + g.Name + "') IS NULL OR has_function_privilege(o.oid, to_regprocedure('" + g.Name + "'), 'EXECUTE')"
	case letter == 'x':
		return "to_regclass('" + g.Name + "') IS NULL OR has_sequence_privilege(o.oid, to_regclass('" + g.Name + "'), 'USAGE')"
	}
	return "to_regclass('" + g.Name + "') IS NULL OR has_table_privilege(o.oid, to_regclass('" + g.Name + "'), '" + letters[letter] + "')"
}

// lacks asks for the statements that would grant what a role ($1) lacks: none
// where there is no such role.
func lacks(role string) string {
	var rows []string
	row := func(has, statement string) {
		rows = append(rows, "SELECT '"+statement+"' FROM pg_roles o WHERE rolname = '"+role+"' AND NOT ("+has+")")
	}
	row("has_schema_privilege(o.oid, current_schema(), 'USAGE')", "GRANT USAGE ON SCHEMA "+schemaHere+" TO "+role)
	for _, g := range Grants {
		for _, letter := range g.Of(role) {
			row(g.has(letter), g.statement(role, letter))
		}
	}
	return strings.Join(rows, " UNION ALL ")
}

// schemaHere stands for the schema of the tables in a statement of [lacks].
const schemaHere = "SCHEMA_HERE"

// grantRoles gives the roles what they lack. Where the migrations may not, by
// reason of rights, nothing is done: somebody who may does it by hand.
func grantRoles(ctx context.Context, db *sql.DB) error {
	for _, role := range Roles {
		if err := grantRole(ctx, db, role); err != nil {
			return fmt.Errorf("granting the role %s what it needs: %w", role, err)
		}
	}
	return nil
}

func grantRole(ctx context.Context, db *sql.DB, role string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing where it is committed
	// Two that grant the same at a time would get into each other's way.
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('probefleet.roles'))`); err != nil {
		return err
	}
	statements, err := missing(ctx, tx, role)
	if err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			var pg *pgconn.PgError
			if errors.As(err, &pg) && pg.Code == "42501" {
				return nil
			}
			return err
		}
	}
	return tx.Commit()
}

func missing(ctx context.Context, tx *sql.Tx, role string) ([]string, error) {
	var schema string
	if err := tx.QueryRowContext(ctx, `SELECT quote_ident(current_schema())`).Scan(&schema); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, lacks(role))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read to its end, or in vain
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, strings.ReplaceAll(s, schemaHere, schema))
	}
	return list, rows.Err()
}

// mayTake is whether the connection's own role may take another one ($1).
const mayTake = `pg_has_role(oid, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)`

// OpenAs is [Open] for a daemon: connections take its role where the server has
// it, the URL's own role may, and it was granted all that it needs. Else they
// are what the URL says.
func OpenAs(ctx context.Context, url, role string) (*Store, error) {
	return open(ctx, url, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, `
			SELECT set_config('role', rolname, false) FROM pg_roles
			WHERE rolname = $1 AND `+mayTake+` AND to_regclass('checks') IS NOT NULL AND NOT EXISTS (`+lacks(role)+`)`, role)
		return err
	})
}

// Renew lets connections go that were made before the schema was brought up to
// date: new ones take the role of [OpenAs].
func (s *Store) Renew() { s.pool.Reset() }
