-- +goose Up

-- How one may subscribe to a page that takes subscriptions: by mail only where
-- there is a channel to send it by.
CREATE VIEW public_subscription_ways AS
SELECT p.slug,
       EXISTS (SELECT FROM channels c
           WHERE c.name = p.spec -> 'subscriptions' ->> 'email' AND jsonb_typeof(c.spec -> 'email') = 'object') AS email,
       coalesce(p.spec -> 'subscriptions' -> 'webhook' = 'true'::jsonb, false) AS webhook
FROM pages p
WHERE jsonb_typeof(p.spec -> 'subscriptions') = 'object';

-- The status page may do what these functions do and nothing else. None of them
-- answers an address, or whether there is one. A token is its SHA-256 here.

-- Puts a request where a recorder takes it up. It looks nothing up about the
-- address, so that neither its answer nor its time tell anything.
-- +goose StatementBegin
CREATE FUNCTION public_subscribe(of_page text, by_kind text, at_address text, everything boolean, of_checks text[], of_groups text[]) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public_subscription_ways w
        WHERE w.slug = of_page AND (by_kind = 'email' AND w.email OR by_kind = 'webhook' AND w.webhook)) THEN
        RETURN 'closed';
    END IF;
    IF coalesce(length(at_address), 0) NOT BETWEEN 3 AND 1024 OR everything IS NULL
        OR cardinality(of_checks) > 200 OR cardinality(of_groups) > 200
        OR EXISTS (SELECT FROM unnest(of_checks || of_groups) AS t (name) WHERE name IS NULL OR length(name) > 200) THEN
        RAISE EXCEPTION 'this request is not one that a status page makes' USING ERRCODE = 'check_violation';
    END IF;
    IF (SELECT count(*) FROM (SELECT FROM subscription_requests LIMIT 1000) AS r) >= 1000
        OR (SELECT count(*) FROM (SELECT FROM subscriptions WHERE state = 'pending' LIMIT 10000) AS s) >= 10000 THEN
        RETURN 'full';
    END IF;
    INSERT INTO subscription_requests (page, kind, address, whole, checks, groups)
    VALUES (of_page, by_kind, at_address, everything, of_checks, of_groups);
    RETURN 'taken';
END
$$;
-- +goose StatementEnd

-- What the holder of a token is told of.
-- +goose StatementBegin
CREATE FUNCTION public_subscription(of_page text, token bytea)
RETURNS TABLE (state text, kind text, whole boolean, checks text[], groups text[])
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT s.state, s.kind, s.whole, s.checks, s.groups
    FROM subscription_tokens t JOIN subscriptions s ON s.id = t.subscription_id
    WHERE t.hash = token AND s.page = of_page AND (t.expires_at IS NULL OR t.expires_at > now())
$$;
-- +goose StatementEnd

-- Confirms, and answers whether the token was good for that. From then on its
-- links do not end with the time in which one may confirm.
-- +goose StatementBegin
CREATE FUNCTION public_confirm_subscription(of_page text, token bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    found uuid;
BEGIN
    SELECT s.id INTO found
    FROM subscription_tokens t JOIN subscriptions s ON s.id = t.subscription_id
    WHERE t.hash = token AND s.page = of_page AND s.state IN ('pending', 'confirmed') AND (t.expires_at IS NULL OR t.expires_at > now())
    FOR UPDATE OF s;
    IF found IS NULL THEN
        RETURN false;
    END IF;
    UPDATE subscriptions SET state = 'confirmed', confirmed_at = now(), failing_since = NULL,
        told_to = coalesce((SELECT max(id) FROM subscription_events), 0)
    WHERE id = found AND state = 'pending';
    UPDATE subscription_tokens SET expires_at = NULL WHERE hash = token;
    RETURN true;
END
$$;
-- +goose StatementEnd

-- Changes what the holder of a token is told of.
-- +goose StatementBegin
CREATE FUNCTION public_change_subscription(of_page text, token bytea, everything boolean, of_checks text[], of_groups text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF everything IS NULL OR cardinality(of_checks) > 200 OR cardinality(of_groups) > 200
        OR EXISTS (SELECT FROM unnest(of_checks || of_groups) AS t (name) WHERE name IS NULL OR length(name) > 200) THEN
        RAISE EXCEPTION 'this request is not one that a status page makes' USING ERRCODE = 'check_violation';
    END IF;
    UPDATE subscriptions s SET whole = everything, checks = of_checks, groups = of_groups
    FROM subscription_tokens t
    WHERE t.hash = token AND s.id = t.subscription_id AND s.page = of_page AND s.state = 'confirmed'
        AND (t.expires_at IS NULL OR t.expires_at > now());
    RETURN FOUND;
END
$$;
-- +goose StatementEnd

-- Forgets the holder of a token: the address, the choice, every token.
-- +goose StatementBegin
CREATE FUNCTION public_unsubscribe(of_page text, token bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    DELETE FROM subscriptions s USING subscription_tokens t
    WHERE t.hash = token AND s.id = t.subscription_id AND s.page = of_page;
    RETURN FOUND;
END
$$;
-- +goose StatementEnd

-- Whoever calls may have tables of their own in pg_temp, with triggers that
-- would run as the owner of the function: that schema is looked at last.
-- +goose StatementBegin
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY[
        'public_subscribe(text, text, text, boolean, text[], text[])', 'public_subscription(text, bytea)', 'public_confirm_subscription(text, bytea)',
        'public_change_subscription(text, bytea, boolean, text[], text[])', 'public_unsubscribe(text, bytea)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END
$$;
-- +goose StatementEnd

-- As it was, and the functions that the status page may call.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION grant_public_views() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'probefleet_public') THEN
        RETURN;
    END IF;
    FOR name IN SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace
        AND c.relkind = 'v' AND c.relname LIKE 'public\_%'
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO probefleet_public', name);
    END LOOP;
    FOR name IN SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
        AND p.proname LIKE 'public\_%'
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO probefleet_public', name);
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO probefleet_public', current_schema());
END
$$;
-- +goose StatementEnd
SELECT grant_public_views();
