-- +goose Up

-- These run as their owner, too. Whoever calls one may have tables of their own
-- in pg_temp, which is looked at first where it is not named: a table called as
-- one of ours would be taken for it, and its triggers would run as the owner.
-- +goose StatementBegin
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['make_runs_partition(date)', 'drop_runs_partition(date)', 'prune_audit(timestamptz)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END
$$;
-- +goose StatementEnd
