-- +goose Up

-- The roles of the daemons, as probefleet_public is that of the status page:
-- what each may do is in store/roles.go, granted whenever the schema is brought
-- up to date. Who does so may lack the right to make roles; then
-- docs/database-roles.md says what to do by hand.
-- +goose StatementBegin
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['probefleet_scheduler', 'probefleet_recorder', 'probefleet_console'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
                -- From Postgres 16 on who makes a role may not take it by that alone.
                EXECUTE format('GRANT %I TO %I', name, current_user);
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN RAISE NOTICE 'the role % could not be made', name;
            WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was quicker
        END;
    END LOOP;
END
$$;
-- +goose StatementEnd

-- Partitions of runs are made and dropped by these alone, which nobody has to
-- be the owner for. Both wait for others as long as lock_timeout says.

-- Makes the partition of a day (UTC), and moves what of it is in the default
-- partition; nothing where it is there.
-- +goose StatementBegin
CREATE FUNCTION make_runs_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part    text := 'runs_' || to_char(day, 'YYYYMMDD');
    begins  timestamptz := day::timestamp AT TIME ZONE 'UTC';
    ends    timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    columns text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('probefleet.partitions'));
    IF EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'runs'::regclass AND relname = part) THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_attribute WHERE attrelid = 'runs'::regclass AND attnum > 0 AND NOT attisdropped;
    -- Nobody inserts between the move and the attachment.
    LOCK TABLE runs IN SHARE ROW EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE runs INCLUDING ALL)', part);
    EXECUTE format('WITH moved AS (DELETE FROM runs_default WHERE slot >= %L AND slot < %L RETURNING %s)
        INSERT INTO %I (%s) SELECT %s FROM moved', begins, ends, columns, part, columns, columns);
    EXECUTE format('ALTER TABLE runs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, begins, ends);
END
$$;
-- +goose StatementEnd

-- Drops the partition of a day (UTC). Days that results may still come for are
-- refused, whoever asks.
-- +goose StatementBegin
CREATE FUNCTION drop_runs_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part text := 'runs_' || to_char(day, 'YYYYMMDD');
BEGIN
    IF day > (now() AT TIME ZONE 'UTC')::date - 16 THEN
        RAISE EXCEPTION 'results of % are not dropped: what comes late needs them', day USING ERRCODE = 'check_violation';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('probefleet.partitions'));
    IF EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'runs'::regclass AND relname = part) THEN
        EXECUTE format('DROP TABLE %I', part);
    END IF;
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION make_runs_partition(date), drop_runs_partition(date) FROM PUBLIC;
