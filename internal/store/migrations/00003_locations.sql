-- +goose Up

-- Where a slot was run again at another location: the location whose slot it
-- is. Such a run is in the history of the place where it ran, and counts in no
-- rollup: neither place was due then and there.
ALTER TABLE runs ADD COLUMN origin text;

-- Attempts to be made because the one before said nothing about the target.
-- The recorder writes them with that attempt, the scheduler sends them.
CREATE TABLE retries (
    check_id       text COLLATE "C" NOT NULL,
    location       text COLLATE "C" NOT NULL, -- whose slot it is
    slot           timestamptz NOT NULL,
    attempt        integer     NOT NULL,      -- the one to be made
    shard          smallint    NOT NULL,
    due_at         timestamptz NOT NULL,
    reason         text        NOT NULL,
    avoid_location text        NOT NULL,      -- "" asks for the same again
    avoid_worker   text        NOT NULL,
    sent_to        text,                      -- decided before it is sent
    settled_at     timestamptz,               -- sent, or past sending
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (check_id, location, slot, attempt)
);
CREATE INDEX retries_due ON retries (shard, due_at) WHERE settled_at IS NULL;
CREATE INDEX retries_created ON retries (created_at);

-- What is thought of each location now, and every change of it, once.
CREATE TABLE location_health (
    location   text COLLATE "C" PRIMARY KEY,
    healthy    boolean     NOT NULL,
    reason     text        NOT NULL,
    since      timestamptz NOT NULL
);
CREATE TABLE location_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location text COLLATE "C" NOT NULL,
    healthy  boolean     NOT NULL,
    reason   text        NOT NULL,
    at       timestamptz NOT NULL
);
CREATE INDEX location_events_newest ON location_events (location, at DESC);
