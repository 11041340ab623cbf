-- +goose Up

-- People who log in to the console: by a password, by an identity provider,
-- or by either.
CREATE TABLE people (
    id             text COLLATE "C" PRIMARY KEY,
    name           text COLLATE "C" NOT NULL UNIQUE, -- what they log in with
    role           text        NOT NULL,
    password       text, -- argon2id in PHC's form; null: none
    temporary      boolean     NOT NULL DEFAULT false, -- to be changed at the next log-in
    issuer         text, -- of the identity provider, with
    subject        text, -- the name that it gave them
    created_by     text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    password_at    timestamptz, -- when the password was set
    last_login_at  timestamptz,
    disabled_at    timestamptz,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
);

-- What a browser holds is not kept, only its SHA-256: 256 random bits.
CREATE TABLE sessions (
    id         text COLLATE "C" PRIMARY KEY, -- public: names it in lists
    hash       bytea       NOT NULL UNIQUE,
    person_id  text COLLATE "C" NOT NULL REFERENCES people (id),
    device     bytea       NOT NULL, -- SHA-256 of what names the browser, log-in after log-in
    network    text        NOT NULL,
    address    text        NOT NULL,
    agent      text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at    timestamptz NOT NULL DEFAULT now(), -- to the minute
    ends_at    timestamptz NOT NULL,
    ended_at   timestamptz -- by log-out, revocation or a new password
);
CREATE INDEX sessions_of_person ON sessions (person_id, created_at DESC);

-- Log-ins that went to an identity provider and are not back yet. A row is
-- used up by the first answer.
CREATE TABLE login_flows (
    state      bytea       PRIMARY KEY, -- SHA-256
    browser    bytea       NOT NULL,    -- SHA-256 of the cookie of whoever began it
    nonce      text        NOT NULL,
    verifier   text        NOT NULL,
    next       text        NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Who changed what, written in the transaction of the change. Rows are never
-- changed, and deleted only when they are old: whoever owns the table is held
-- to that too.
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind text        NOT NULL, -- person, token or system
    actor_id   text        NOT NULL,
    actor      text        NOT NULL,
    action     text        NOT NULL,
    subject    text        NOT NULL,
    before     text[]      NOT NULL, -- names of properties, no values
    after      text[]      NOT NULL,
    note       text        NOT NULL,
    address    text        NOT NULL,
    result     text        NOT NULL CHECK (result IN ('done', 'refused'))
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_subject ON audit (subject, id DESC);
CREATE INDEX audit_actor ON audit (actor, id DESC);

-- +goose StatementBegin
CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '90 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'insufficient_privilege';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER audit_rows_are_kept BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION audit_is_kept();
CREATE TRIGGER audit_is_kept_whole BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept();

-- Old entries go by this function alone, which nobody has to be the owner for.
-- +goose StatementBegin
CREATE FUNCTION prune_audit(before timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    WITH gone AS (
        DELETE FROM audit WHERE at < least($1, now() - interval '90 days') RETURNING id
    )
    SELECT count(*) FROM gone
$$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION prune_audit(timestamptz) FROM PUBLIC;
