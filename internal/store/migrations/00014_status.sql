-- +goose Up

-- Every definition of each check, and from when on it counted: what a slot
-- means is judged by the rules of its time. A trigger keeps it, so that it is
-- complete whichever release writes checks.
CREATE TABLE check_history (
    check_id     text COLLATE "C" NOT NULL,
    since        timestamptz NOT NULL,
    active       boolean     NOT NULL, -- scheduled: active, and not removed
    spec_version integer     NOT NULL,
    spec         jsonb       NOT NULL,
    PRIMARY KEY (check_id, since)
);
INSERT INTO check_history (check_id, since, active, spec_version, spec)
SELECT id, created_at, active AND removed_at IS NULL, spec_version, spec FROM checks;

-- +goose StatementBegin
CREATE FUNCTION keep_check_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO check_history (check_id, since, active, spec_version, spec)
    VALUES (NEW.id, NEW.updated_at, NEW.active AND NEW.removed_at IS NULL, NEW.spec_version, NEW.spec)
    ON CONFLICT (check_id, since) DO UPDATE SET
        (active, spec_version, spec) = (excluded.active, excluded.spec_version, excluded.spec);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER check_created AFTER INSERT ON checks
    FOR EACH ROW EXECUTE FUNCTION keep_check_history();
CREATE TRIGGER check_changed AFTER UPDATE ON checks
    FOR EACH ROW WHEN ((OLD.spec_version, OLD.spec, OLD.active AND OLD.removed_at IS NULL)
        IS DISTINCT FROM (NEW.spec_version, NEW.spec, NEW.active AND NEW.removed_at IS NULL))
    EXECUTE FUNCTION keep_check_history();

-- What is thought of a check, and the mark from which its history goes on. A
-- check that has done nothing but pass has no row. See docs/states.md.
CREATE TABLE check_status (
    check_id      text COLLATE "C" PRIMARY KEY,
    level         text        NOT NULL, -- operational, degraded, outage
    since         timestamptz NOT NULL, -- the slot with which the level began
    newest        timestamptz NOT NULL, -- conclusive slot that was looked at
    mark_at       timestamptz NOT NULL,
    quiet         boolean     NOT NULL,
    state_version integer     NOT NULL,
    state         jsonb       NOT NULL, -- of the mark
    updated_at    timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- Older marks, for results that come late.
CREATE TABLE status_marks (
    check_id      text COLLATE "C" NOT NULL,
    at            timestamptz NOT NULL,
    quiet         boolean     NOT NULL,
    state_version integer     NOT NULL,
    state         jsonb       NOT NULL,
    PRIMARY KEY (check_id, at)
);

-- Outages as the rules find them, and incidents as people write them down.
CREATE TABLE incidents (
    id           uuid        PRIMARY KEY,
    source       text        NOT NULL CHECK (source IN ('rules', 'person')),
    check_id     text COLLATE "C",      -- of rules: the check
    checks       text[]      NOT NULL,  -- all that it is about
    title        text        NOT NULL,  -- '' where the check's name says it all
    impact       text        NOT NULL,  -- outage, degraded, maintenance, none
    public       boolean     NOT NULL DEFAULT true,
    opened       timestamptz NOT NULL,
    closed       timestamptz,
    -- of rules
    first_slot   timestamptz,
    last_slot    timestamptz,
    failed       integer     NOT NULL DEFAULT 0,
    flaps        integer     NOT NULL DEFAULT 0,
    locations    text[]      NOT NULL DEFAULT '{}',
    fault_class  text        NOT NULL DEFAULT '',
    fault_message text       NOT NULL DEFAULT '',
    first_fail   jsonb,                 -- {id, location, slot} of an attempt
    last_pass    jsonb,
    -- how often it was told that it opened, closed, reopened or never was
    turn         integer     NOT NULL DEFAULT 0,
    retracted_at timestamptz,           -- later results showed that it never was
    merged_into  uuid REFERENCES incidents (id),
    postmortem   text        NOT NULL DEFAULT '', -- Markdown
    created_by   text        NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CHECK ((source = 'rules') = (check_id IS NOT NULL))
);
-- Two recorders do not open two.
CREATE UNIQUE INDEX incidents_one_open ON incidents (check_id)
    WHERE source = 'rules' AND closed IS NULL AND retracted_at IS NULL;
CREATE UNIQUE INDEX incidents_of_check ON incidents (check_id, opened)
    WHERE source = 'rules' AND retracted_at IS NULL;
CREATE INDEX incidents_newest ON incidents (opened DESC);
CREATE INDEX incidents_open ON incidents (opened) WHERE closed IS NULL AND retracted_at IS NULL;

-- What people say of an incident, as it goes on.
CREATE TABLE incident_updates (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid        NOT NULL REFERENCES incidents (id),
    phase       text        NOT NULL, -- investigating, identified, monitoring, resolved
    body        text        NOT NULL, -- Markdown
    public      boolean     NOT NULL,
    author      text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX incident_updates_of ON incident_updates (incident_id, at);

-- What there is to tell, once each, in the order in which it became known:
-- written in the transaction that found it, for whoever delivers alerts.
CREATE TABLE transitions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    check_id    text COLLATE "C" NOT NULL,
    incident_id uuid REFERENCES incidents (id),
    kind        text        NOT NULL, -- opened, closed, reopened, retracted, degraded, recovered
    slot        timestamptz NOT NULL, -- by which it happened
    silenced    text        NOT NULL, -- why nobody is to be told, '' where they are
    dedup_key   text        NOT NULL UNIQUE,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX transitions_of ON transitions (check_id, id);

-- Maintenance that was planned by hand, beside what the checks themselves say.
CREATE TABLE maintenance (
    id           uuid        PRIMARY KEY,
    title        text        NOT NULL,
    why          text        NOT NULL,
    checks       text[]      NOT NULL, -- these, and those of the tags and groups
    tags         text[]      NOT NULL,
    groups       text[]      NOT NULL,
    from_at      timestamptz, -- once ...
    to_at        timestamptz,
    cron         text        NOT NULL, -- ... or again and again
    zone         text        NOT NULL,
    for_ms       bigint      NOT NULL,
    public       boolean     NOT NULL,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    cancelled_at timestamptz
);
