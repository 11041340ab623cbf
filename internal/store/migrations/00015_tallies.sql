-- +goose Up

-- What became of the slots of an hour or a day (UTC), with what was due: counted
-- from the rows of runs once the period is settled, and again where a result
-- comes later. The days are the sums of their hours. Unlike rollups, which the
-- recorder counts up as results come, these are kept for years and are what
-- uptime is counted from.
CREATE TABLE tallies (
    grain        text        NOT NULL CHECK (grain IN ('hour', 'day')),
    start        timestamptz NOT NULL,
    check_id     text COLLATE "C" NOT NULL,
    location     text COLLATE "C" NOT NULL,
    expected     integer     NOT NULL,
    passed       integer     NOT NULL,
    degraded     integer     NOT NULL,
    failed       integer     NOT NULL,
    inconclusive integer     NOT NULL,
    expired      integer     NOT NULL,
    -- of these in maintenance
    m_expected     integer   NOT NULL,
    m_passed       integer   NOT NULL,
    m_degraded     integer   NOT NULL,
    m_failed       integer   NOT NULL,
    m_inconclusive integer   NOT NULL,
    m_expired      integer   NOT NULL,
    latency      bytea       NOT NULL, -- status.Histogram
    PRIMARY KEY (grain, check_id, start, location)
);

-- The hours that were counted, and the checks of which some came later.
CREATE TABLE tallied_hours (
    start timestamptz PRIMARY KEY,
    at    timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tally_again (
    start    timestamptz NOT NULL,
    check_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (start, check_id)
);
