-- +goose Up

-- What the status page reads of the stored history: what is thought of each
-- public check now, what was counted of its slots, its outages, what people
-- said of them, and its maintenance. No author, no evidence.
CREATE VIEW public_status AS
SELECT s.check_id, s.level, s.since
FROM check_status s
JOIN public_checks c ON c.id = s.check_id;

CREATE VIEW public_tallies AS
SELECT t.grain, t.start, t.check_id, t.location, t.expected, t.passed, t.degraded, t.failed, t.inconclusive, t.expired,
       t.m_expected, t.m_passed, t.m_degraded, t.m_failed, t.m_inconclusive, t.m_expired, t.latency
FROM tallies t
JOIN public_checks c ON c.id = t.check_id;

CREATE VIEW public_tallied_hours AS SELECT start FROM tallied_hours;

-- The status page reads the newest periods of all checks.
CREATE INDEX tallies_by_start ON tallies (grain, start);

CREATE VIEW public_incidents AS
SELECT i.id, i.source, coalesce(i.check_id, '') AS check_id,
       ARRAY(SELECT c.id FROM public_checks c WHERE c.id = ANY (i.checks) ORDER BY c.id) AS checks,
       i.title, i.impact, i.opened, i.closed, i.failed, i.flaps, i.locations, i.fault_class, i.fault_message,
       i.postmortem, i.updated_at
FROM incidents i
WHERE i.public AND i.retracted_at IS NULL
    AND (i.source = 'person' AND i.checks = '{}'
        OR EXISTS (SELECT FROM public_checks c WHERE c.id = ANY (i.checks)));

CREATE VIEW public_incident_updates AS
SELECT i.id AS incident_id, u.id, u.phase, u.body, u.at
FROM incident_updates u
JOIN incidents p ON p.id = u.incident_id
JOIN public_incidents i ON i.id = coalesce(p.merged_into, p.id)
WHERE u.public;

-- Planned by hand, or named by a check itself.
CREATE VIEW public_maintenance AS
SELECT m.id::text AS id, m.title, m.why,
       ARRAY(SELECT c.id FROM public_checks c
           WHERE c.id = ANY (m.checks) OR c.tags && m.tags OR c.group_name <> '' AND c.group_name = ANY (m.groups)
           ORDER BY c.id) AS checks,
       m.from_at, m.to_at, m.cron, m.zone, m.for_ms, m.created_at
FROM maintenance m
WHERE m.public AND m.cancelled_at IS NULL
UNION ALL
SELECT c.id || '/' || w.number, '', coalesce(w.why, ''), ARRAY[c.id],
       w."from", w."to", coalesce(w.cron, ''), coalesce(w.zone, ''), coalesce(w.for_us, 0) / 1000, c.updated_at
FROM checks c
JOIN public_checks p ON p.id = c.id
CROSS JOIN LATERAL ROWS FROM (
    jsonb_to_recordset(CASE jsonb_typeof(c.spec -> 'maintenance') WHEN 'array' THEN c.spec -> 'maintenance' END)
        AS ("from" timestamptz, "to" timestamptz, cron text, zone text, for_us bigint, why text)
) WITH ORDINALITY AS w ("from", "to", cron, zone, for_us, why, number);

-- The role of the status page: it may read the public views and nothing else.
-- Who brings the database up to date may lack the right to make roles; then
-- docs/status-page.md says what to do by hand. Roles are those of the server:
-- another database on it may have made this one.
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'probefleet_public') THEN
        CREATE ROLE probefleet_public NOLOGIN;
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE NOTICE 'the role probefleet_public could not be made';
    WHEN duplicate_object OR unique_violation THEN NULL; -- somebody else was quicker
END
$$;
-- +goose StatementEnd

-- Grants what there is to be read to the role, where there is one.
-- +goose StatementBegin
CREATE FUNCTION grant_public_views() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'probefleet_public') THEN
        RETURN;
    END IF;
    FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
        AND c.relkind = 'v' AND c.relname LIKE 'public\_%'
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO probefleet_public', name);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO probefleet_public', current_schema());
END
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION grant_public_views() FROM PUBLIC;
SELECT grant_public_views();
