-- +goose Up

-- The status page and the console ask for the newest runs of every check every
-- other second: of what was stored since they asked before. The release before
-- this one writes no changed_at, so they read everything once in a while too.
ALTER TABLE latest ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();

CREATE VIEW public_newest AS
SELECT l.changed_at, l.conclusive, l.check_id, l.location, l.run_id, l.slot, l.attempt, l.outcome,
       l.fault_class, l.fault_message, l.finished_at, l.latency_us
FROM latest l
JOIN public_checks c ON c.id = l.check_id AND l.location = ANY (c.locations);

-- Those of slots that were to be tried again and whose time has passed.
CREATE VIEW public_undecided AS
SELECT now() AS changed_at, true AS conclusive, u.check_id, u.location, u.run_id, u.slot, u.attempt, u.outcome,
       u.fault_class, u.fault_message, u.finished_at, u.latency_us
FROM undecided u
JOIN public_checks c ON c.id = u.check_id AND u.location = ANY (c.locations)
WHERE u.until <= now();

-- Grows where anything of any check is changed, removed or added.
CREATE VIEW public_revision AS SELECT coalesce(max(revision), 0) AS revision FROM checks;

SELECT grant_public_views();
