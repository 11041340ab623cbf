-- +goose Up

-- Jobs that call the console when they run. A check of kind heartbeat has a row
-- once it has an address, or was judged. The address itself is not kept.
CREATE TABLE heartbeats (
    check_id     text COLLATE "C" PRIMARY KEY,
    address_hash bytea UNIQUE, -- SHA-256 of what makes it secret
    address_at   timestamptz,
    address_by   text        NOT NULL DEFAULT '', -- name of the token by which it was made
    judged       timestamptz  -- every slot up to here has its result
);

-- What they said, once each.
CREATE TABLE pings (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_id  text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    signal    text        NOT NULL, -- start, end, fail
    exit_code integer     NOT NULL,
    body      text        NOT NULL, -- its beginning
    size      bigint      NOT NULL,
    address   text        NOT NULL -- where it came from
);
CREATE INDEX pings_of ON pings (check_id, at);
CREATE INDEX pings_at ON pings USING brin (at) WITH (pages_per_range = 32);

-- When a console was there to be called, and could write down that it was: what
-- lies between is no fault of the jobs.
CREATE TABLE ping_receivers (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX ping_receivers_until ON ping_receivers (until);
