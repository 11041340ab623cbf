-- +goose Up

-- Readers of status pages who want to be told, by mail or by a webhook. Their
-- addresses are personal data: they stand in this table and, for the seconds
-- until a recorder takes them up, in subscription_requests, and nowhere else.
CREATE TABLE subscriptions (
    id            uuid        PRIMARY KEY,
    page          text COLLATE "C" NOT NULL REFERENCES pages (slug) ON DELETE CASCADE,
    kind          text        NOT NULL CHECK (kind IN ('email', 'webhook')),
    address       text        NOT NULL,
    same          text COLLATE "C" NOT NULL, -- equal for addresses that are one
    state         text        NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'confirmed', 'dropped')),
    reason        text        NOT NULL DEFAULT '', -- why it was dropped
    whole         boolean     NOT NULL, -- told of everything that the page shows, or of
    checks        text[]      NOT NULL, -- these, and
    groups        text[]      NOT NULL, -- those of these
    created_at    timestamptz NOT NULL,
    asked_at      timestamptz NOT NULL, -- when a confirmation was last asked for
    asked         integer     NOT NULL DEFAULT 0, -- how often, since created_at
    confirmed_at  timestamptz,
    dropped_at    timestamptz,
    failing_since timestamptz, -- when messages began to fail by the address's own fault
    told_to       bigint      NOT NULL DEFAULT 0, -- the last event that was looked at
    told_at       timestamptz, -- when a message was last planned
    UNIQUE (page, kind, same)
);
CREATE INDEX subscriptions_pending ON subscriptions (created_at) WHERE state = 'pending';
CREATE INDEX subscriptions_told ON subscriptions (page, told_to) WHERE state = 'confirmed';

-- What signs messages to webhooks. Who sends has to know it, and nobody else.
CREATE TABLE subscription_secrets (
    subscription_id uuid PRIMARY KEY REFERENCES subscriptions (id) ON DELETE CASCADE,
    secret          text NOT NULL
);

-- The links in messages. What is in a link is not kept, only its SHA-256.
CREATE TABLE subscription_tokens (
    hash            bytea       PRIMARY KEY,
    subscription_id uuid        NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz -- null: as long as it is kept
);
CREATE INDEX subscription_tokens_of ON subscription_tokens (subscription_id);

-- What readers asked for and no recorder has taken up yet.
CREATE TABLE subscription_requests (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    page    text        NOT NULL,
    kind    text        NOT NULL,
    address text        NOT NULL,
    whole   boolean     NOT NULL,
    checks  text[]      NOT NULL,
    groups  text[]      NOT NULL,
    at      timestamptz NOT NULL DEFAULT now()
);

-- What happened on status pages, once each, whatever page shows it.
CREATE TABLE subscription_events (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key      text        NOT NULL UNIQUE,
    subject  text        NOT NULL, -- the incident, or the time of maintenance
    what     text        NOT NULL,
    at       timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    told     boolean     NOT NULL, -- whether anybody is to be told
    urgent   boolean     NOT NULL, -- people said it
    checks   text[]      NOT NULL, -- that it concerns
    content  jsonb       NOT NULL
);
CREATE INDEX subscription_events_of ON subscription_events (subject, id);

-- The outbox, and the log of what was sent. No address is in it.
CREATE TABLE subscription_deliveries (
    id              uuid        PRIMARY KEY,
    seq             bigint      GENERATED ALWAYS AS IDENTITY,
    subscription_id uuid        REFERENCES subscriptions (id) ON DELETE SET NULL,
    page            text COLLATE "C" NOT NULL,
    kind            text        NOT NULL,
    key             text        NOT NULL, -- what is told; with the subscription, told once
    what            text        NOT NULL CHECK (what IN ('confirm', 'known', 'events')),
    events          bigint[]    NOT NULL,
    state           text        NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given_up', 'void')),
    created_at      timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    tries           integer     NOT NULL DEFAULT 0,
    lease           uuid,
    lease_until     timestamptz,
    settled_at      timestamptz,
    status          integer     NOT NULL DEFAULT 0,
    error           text        NOT NULL DEFAULT '',
    UNIQUE (subscription_id, key)
) WITH (fillfactor = 80);
CREATE INDEX subscription_deliveries_due ON subscription_deliveries (due_at) WHERE state = 'waiting';
CREATE INDEX subscription_deliveries_newest ON subscription_deliveries (page, created_at DESC);
