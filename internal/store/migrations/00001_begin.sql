-- +goose Up

-- Revisions grow in the order of commits: whoever takes one holds an advisory
-- lock until the commit.
CREATE SEQUENCE checks_revision;

CREATE TABLE checks (
    id           text COLLATE "C" PRIMARY KEY,
    name         text        NOT NULL,
    description  text        NOT NULL,
    group_name   text        NOT NULL,
    tags         text[]      NOT NULL,
    kind         text        NOT NULL,
    every_ms     bigint      NOT NULL,
    timeout_ms   bigint      NOT NULL,
    locations    text[]      NOT NULL,
    active       boolean     NOT NULL,
    muted        boolean     NOT NULL,
    public       boolean     NOT NULL,
    spec_version integer     NOT NULL,
    spec         jsonb       NOT NULL, -- the whole check, in codec's shape
    revision     bigint      NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    removed_at   timestamptz
);
CREATE INDEX checks_revision_key ON checks (revision);

-- Who schedules: a heartbeat, so that shards are shared evenly.
CREATE TABLE schedulers (
    id      text        PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

CREATE TABLE shards (
    id          smallint    PRIMARY KEY,
    owner       text,
    lease_until timestamptz,
    watermark   timestamptz -- every slot up to here was sent
);
INSERT INTO shards (id) SELECT generate_series(0, 15);

-- One row per attempt. The partition's column is part of every unique key,
-- hence the partitions are by slot, which an attempt's id determines.
CREATE TABLE runs (
    id            uuid        NOT NULL,
    run_id        uuid        NOT NULL,
    check_id      text COLLATE "C" NOT NULL,
    location      text COLLATE "C" NOT NULL,
    slot          timestamptz NOT NULL,
    attempt       integer     NOT NULL,
    kind          text        NOT NULL,
    outcome       text        NOT NULL,
    fault_class   text        NOT NULL,
    fault_message text        NOT NULL,
    started_at    timestamptz, -- null where it was not started
    finished_at   timestamptz NOT NULL,
    stored_at     timestamptz NOT NULL DEFAULT now(),
    latency_us    bigint      NOT NULL,
    worker        text        NOT NULL,
    data_version  integer     NOT NULL,
    data          jsonb       NOT NULL, -- the whole result, in codec's shape
    PRIMARY KEY (id, slot)
) PARTITION BY RANGE (slot);
CREATE INDEX runs_of_check ON runs (check_id, slot DESC);

-- What no daily partition takes; nothing is ever refused.
CREATE TABLE runs_default PARTITION OF runs DEFAULT;

-- The newest run of each check and location, and the newest conclusive one.
CREATE TABLE latest (
    check_id      text COLLATE "C" NOT NULL,
    location      text COLLATE "C" NOT NULL,
    conclusive    boolean     NOT NULL,
    run_id        uuid        NOT NULL,
    slot          timestamptz NOT NULL,
    attempt       integer     NOT NULL,
    outcome       text        NOT NULL,
    fault_class   text        NOT NULL,
    fault_message text        NOT NULL,
    finished_at   timestamptz NOT NULL,
    latency_us    bigint      NOT NULL,
    PRIMARY KEY (check_id, location, conclusive)
) WITH (fillfactor = 70);

-- Counts of attempts by the hour and day (UTC) of their slot. Latencies are of
-- passed and degraded ones.
CREATE TABLE rollups (
    grain          text        NOT NULL CHECK (grain IN ('hour', 'day')),
    start          timestamptz NOT NULL,
    check_id       text COLLATE "C" NOT NULL,
    location       text COLLATE "C" NOT NULL,
    passed         bigint      NOT NULL,
    degraded       bigint      NOT NULL,
    failed         bigint      NOT NULL,
    inconclusive   bigint      NOT NULL,
    expired        bigint      NOT NULL,
    latency_count  bigint      NOT NULL,
    latency_sum_us bigint      NOT NULL,
    latency_max_us bigint      NOT NULL,
    PRIMARY KEY (grain, start, check_id, location)
) WITH (fillfactor = 70);

-- Results that the tables above refuse for ever, whole, with the reason.
CREATE TABLE dead_results (
    digest      bytea       PRIMARY KEY, -- SHA-256 of body
    reason      text        NOT NULL,
    body        bytea       NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

-- What the public may read: public, active checks; no bodies, no detail.
CREATE VIEW public_checks AS
SELECT id, name, description, group_name, tags, kind, every_ms, timeout_ms, locations
FROM checks
WHERE public AND active AND removed_at IS NULL;

CREATE VIEW public_latest AS
SELECT l.check_id, l.location, l.conclusive, l.run_id, l.slot, l.attempt, l.outcome,
       l.fault_class, l.fault_message, l.finished_at, l.latency_us
FROM latest l
JOIN public_checks c ON c.id = l.check_id AND l.location = ANY (c.locations);

CREATE VIEW public_runs AS
SELECT r.check_id, r.location, r.run_id, r.slot, r.attempt, r.outcome,
       r.fault_class, r.fault_message, r.finished_at, r.latency_us
FROM runs r
JOIN public_checks c ON c.id = r.check_id;

CREATE VIEW public_rollups AS
SELECT r.grain, r.start, r.check_id, r.location,
       r.passed, r.degraded, r.failed, r.inconclusive, r.expired,
       r.latency_count, r.latency_sum_us, r.latency_max_us
FROM rollups r
JOIN public_checks c ON c.id = r.check_id;
