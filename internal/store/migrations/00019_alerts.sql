-- +goose Up

-- Who is told. Secrets are in it by reference only.
CREATE TABLE channels (
    name       text COLLATE "C" PRIMARY KEY,
    version    integer     NOT NULL,
    spec       jsonb       NOT NULL,
    owner      text COLLATE "C" NOT NULL DEFAULT '', -- the apply set, '' for none
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What was there before this release is told to nobody. A recorder of the
-- release before leaves the column null, which is right.
ALTER TABLE transitions ADD COLUMN planned_at timestamptz DEFAULT now();
ALTER TABLE transitions ALTER COLUMN planned_at DROP DEFAULT;
CREATE INDEX transitions_unplanned ON transitions (id) WHERE planned_at IS NULL;

-- What is wrong, or was: outages, and whatever else people are told of.
CREATE TABLE alerts (
    id              text COLLATE "C" PRIMARY KEY,
    kind            text        NOT NULL,
    subject         text COLLATE "C" NOT NULL, -- one alert of a kind is open for each
    check_id        text COLLATE "C" NOT NULL, -- '' for none
    name            text        NOT NULL,
    turn            integer     NOT NULL DEFAULT 1,
    opened          timestamptz NOT NULL,
    closed          timestamptz,
    noted_at        timestamptz NOT NULL,
    closed_noted_at timestamptz,
    retracted       boolean     NOT NULL DEFAULT false,
    hushed          text        NOT NULL DEFAULT '', -- why nobody was to be told, when it was last looked at
    facts           jsonb       NOT NULL,
    finished        boolean     NOT NULL DEFAULT false -- nobody has to be told any more
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX alerts_one_open ON alerts (kind, subject) WHERE closed IS NULL;
CREATE INDEX alerts_unfinished ON alerts (noted_at) WHERE NOT finished;
CREATE INDEX alerts_newest ON alerts (noted_at DESC);

-- The outbox: messages to channels, those of a channel in the order of seq.
CREATE TABLE deliveries (
    id          uuid        PRIMARY KEY,
    seq         bigint      GENERATED ALWAYS AS IDENTITY,
    channel     text COLLATE "C" NOT NULL,
    key         text        NOT NULL, -- what is told; with the channel, told once
    thread      text        NOT NULL,
    items       integer     NOT NULL,
    test        boolean     NOT NULL DEFAULT false,
    message     jsonb       NOT NULL,
    state       text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up')),
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    tries       integer     NOT NULL DEFAULT 0,
    lease       uuid,
    lease_until timestamptz,
    settled_at  timestamptz,
    status      integer     NOT NULL DEFAULT 0,
    error       text        NOT NULL DEFAULT '',
    receipt     text        NOT NULL DEFAULT '',
    UNIQUE (channel, key)
) WITH (fillfactor = 80);
CREATE INDEX deliveries_waiting ON deliveries (channel, seq) WHERE state = 'waiting';
CREATE INDEX deliveries_newest ON deliveries (created_at DESC);
CREATE INDEX deliveries_thread ON deliveries (channel, thread, seq) WHERE receipt <> '';

-- Every try of a delivery that came to an end.
CREATE TABLE delivery_tries (
    delivery_id uuid        NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    try         integer     NOT NULL,
    at          timestamptz NOT NULL,
    took_us     bigint      NOT NULL,
    status      integer     NOT NULL,
    error       text        NOT NULL, -- '' where it was sent
    PRIMARY KEY (delivery_id, try, at)
);

-- What each channel was told of each alert, once.
CREATE TABLE alert_log (
    alert_id    text COLLATE "C" NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    channel     text COLLATE "C" NOT NULL,
    turn        integer     NOT NULL,
    what        text        NOT NULL, -- opened, reminder, closed, retracted
    n           integer     NOT NULL,
    thread      text        NOT NULL,
    delivery_id uuid        NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL,
    PRIMARY KEY (alert_id, channel, turn, what, n)
);
CREATE INDEX alert_log_of ON alert_log (delivery_id);

-- When a dead-man's switch was last called, by whichever recorder.
CREATE TABLE dead_man_calls (
    channel   text COLLATE "C" PRIMARY KEY,
    called_at timestamptz NOT NULL,
    error     text        NOT NULL
);
