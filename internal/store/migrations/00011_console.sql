-- +goose Up

-- Who may ask the console, and for what. The token itself is not kept: 256
-- random bits need no salt and no slow hash.
CREATE TABLE api_tokens (
    id           text COLLATE "C" PRIMARY KEY,
    name         text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE, -- SHA-256
    scopes       text[]      NOT NULL,
    source       text        NOT NULL, -- api, database or environment
    created_by   text        NOT NULL, -- name of the token by which it was made
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz, -- null: never
    last_used_at timestamptz, -- to the minute
    revoked_at   timestamptz
);

-- The apply set to which a check belongs, '' for none: an apply deletes checks
-- of its own set only.
ALTER TABLE checks ADD COLUMN owner text COLLATE "C" NOT NULL DEFAULT '';

-- Runs that somebody asked for, one row a check and location, from the request
-- to the result. They are no slots of a schedule: they are in no rollup, no
-- history and no coverage.
CREATE TABLE triggers (
    attempt_id    uuid        PRIMARY KEY, -- the job's id
    id            uuid        NOT NULL,    -- the request
    run_id        uuid        NOT NULL,
    check_id      text COLLATE "C" NOT NULL,
    location      text COLLATE "C" NOT NULL,
    slot          timestamptz NOT NULL,    -- when it was asked for
    shard         smallint    NOT NULL,
    requested_by  text        NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    fate          text        NOT NULL DEFAULT '', -- sent, expired, held or gone; '' while it waits
    settled_at    timestamptz,
    -- the result, as in runs
    kind          text,
    outcome       text,
    fault_class   text,
    fault_message text,
    started_at    timestamptz,
    finished_at   timestamptz,
    latency_us    bigint,
    worker        text,
    data_version  integer,
    data          jsonb
);
CREATE INDEX triggers_due ON triggers (shard) WHERE settled_at IS NULL;
CREATE INDEX triggers_request ON triggers (id);
CREATE INDEX triggers_made ON triggers (requested_at);

-- Runs of a time, of whatever check: a summary index costs the recorder next
-- to nothing, as runs come in the order of their slots.
CREATE INDEX runs_by_slot ON runs USING brin (slot) WITH (pages_per_range = 32);
