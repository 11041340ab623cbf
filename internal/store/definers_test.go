package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/store"
	"github.com/probefleet/probefleet/internal/store/storetest"
)

// Every function that runs as its owner says where it looks, and looks into the
// caller's own tables last.
func TestFunctionsOfTheOwnerLookIntoPgTempLast(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), `
		SELECT p.oid::regprocedure::text, coalesce((SELECT c FROM unnest(p.proconfig) AS c WHERE c LIKE 'search\_path=%'), '')
		FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace`)
	if err != nil {
		t.Fatal(err)
	}
	var name, path string
	seen := 0
	if _, err := pgx.ForEachRow(rows, []any{&name, &path}, func() error {
		seen++
		if !strings.HasSuffix(path, ", pg_temp") || strings.Count(path, "pg_temp") != 1 || strings.Contains(path, "$user") {
			t.Errorf("%s looks by %q: have it name our schema and then pg_temp", name, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if seen < 8 {
		t.Errorf("only %d functions run as their owner, there were 8", seen)
	}
}

// Who calls them with tables of the same names at hand reaches ours all the
// same, and their own stay as they are.
func TestFunctionsOfTheOwnerAreNotMisled(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), storetest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, row := range []struct{ role, decoy, call, left string }{
		{store.ConsoleRole, `CREATE TEMP TABLE audit (id bigint, at timestamptz); INSERT INTO pg_temp.audit VALUES (1, '1999-01-01')`,
			`SELECT public.prune_audit('2000-01-01')`, `SELECT count(*) = 1 FROM pg_temp.audit`},
		{store.RecorderRole, `CREATE TEMP TABLE runs (slot timestamptz) PARTITION BY RANGE (slot); CREATE TEMP TABLE runs_default (slot timestamptz)`,
			`SELECT public.make_runs_partition('2001-02-03')`, `SELECT count(*) = 1 FROM pg_inherits WHERE inhparent = 'public.runs'::regclass AND inhrelid = to_regclass('public.runs_20010203')`},
		{store.RecorderRole, `CREATE TEMP TABLE runs (slot timestamptz)`,
			`SELECT public.drop_runs_partition('2001-02-03')`, `SELECT to_regclass('public.runs_20010203') IS NULL`},
	} {
		if _, err := conn.Exec(t.Context(), `SET ROLE `+row.role+`; `+row.decoy); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), row.call); err != nil {
			t.Errorf("%s by %s: %v", row.call, row.role, err)
		}
		right := false
		if err := conn.QueryRow(t.Context(), row.left).Scan(&right); err != nil || !right {
			t.Errorf("%s by %s took the caller's tables for ours: %v", row.call, row.role, err)
		}
		if _, err := conn.Exec(t.Context(), `RESET ROLE; DISCARD TEMP`); err != nil {
			t.Fatal(err)
		}
	}
}
