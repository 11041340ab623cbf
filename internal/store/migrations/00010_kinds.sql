-- +goose Up

-- Attempts that the check itself asks for, because the slot has failed. Made
-- elsewhere, they decide the slot of their origin; see docs/states.md.
ALTER TABLE retries ADD COLUMN asked boolean NOT NULL DEFAULT false;
ALTER TABLE runs ADD COLUMN decides boolean NOT NULL DEFAULT false;

-- Slots that have failed and are being tried again: until the next attempt is
-- recorded, or the time by which it should be has passed, they count as not
-- known. The columns are those of latest, of the attempt that failed.
CREATE TABLE undecided (
    check_id      text COLLATE "C" NOT NULL,
    location      text COLLATE "C" NOT NULL, -- whose slot it is
    slot          timestamptz NOT NULL,
    run_id        uuid        NOT NULL,
    attempt       integer     NOT NULL,
    outcome       text        NOT NULL,
    fault_class   text        NOT NULL,
    fault_message text        NOT NULL,
    finished_at   timestamptz NOT NULL,
    latency_us    bigint      NOT NULL,
    until         timestamptz NOT NULL,
    PRIMARY KEY (check_id, location, slot)
);

-- What is known now of each check and location: the newest slot whose outcome
-- is decided, and the newest run of all.
CREATE VIEW latest_known AS
SELECT DISTINCT ON (check_id, location, conclusive) check_id, location, conclusive, run_id, slot, attempt, outcome,
       fault_class, fault_message, finished_at, latency_us
FROM (
    SELECT check_id, location, conclusive, run_id, slot, attempt, outcome,
           fault_class, fault_message, finished_at, latency_us
    FROM latest
    UNION ALL
    SELECT check_id, location, true, run_id, slot, attempt, outcome,
           fault_class, fault_message, finished_at, latency_us
    FROM undecided WHERE until <= now()
) AS runs
ORDER BY check_id, location, conclusive, slot DESC, attempt DESC;

CREATE OR REPLACE VIEW public_latest AS
SELECT l.check_id, l.location, l.conclusive, l.run_id, l.slot, l.attempt, l.outcome,
       l.fault_class, l.fault_message, l.finished_at, l.latency_us
FROM latest_known l
JOIN public_checks c ON c.id = l.check_id AND l.location = ANY (c.locations);

-- Undecided slots are counted as failed by the recorder, and taken out here:
-- so nobody has to come by when their time has passed.
CREATE OR REPLACE VIEW public_rollups AS
SELECT r.grain, r.start, r.check_id, r.location,
       r.passed, r.degraded, r.failed - coalesce(u.slots, 0) AS failed, r.inconclusive, r.expired,
       r.latency_count, r.latency_sum_us, r.latency_max_us
FROM rollups r
JOIN public_checks c ON c.id = r.check_id
LEFT JOIN (
    SELECT g.grain, date_trunc(g.grain, slot, 'UTC') AS start, check_id, location, count(*) AS slots
    FROM undecided CROSS JOIN (VALUES ('hour'), ('day')) AS g (grain)
    WHERE until > now()
    GROUP BY 1, 2, 3, 4
) u ON u.grain = r.grain AND u.start = r.start AND u.check_id = r.check_id AND u.location = r.location;
