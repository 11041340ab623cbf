-- +goose Up

-- Public status pages as people define them.
CREATE TABLE pages (
    slug       text COLLATE "C" PRIMARY KEY,
    version    integer     NOT NULL,
    spec       jsonb       NOT NULL,
    owner      text COLLATE "C" NOT NULL DEFAULT '', -- the apply set, '' for none
    -- signs the cookies of those who know the password
    key        uuid        NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The status page checks passwords, and so reads their hashes.
CREATE VIEW public_pages AS SELECT slug, version, spec, key, updated_at FROM pages;

-- A new database gets its grants by a later migration, all at once.
-- +goose StatementBegin
DO $$
BEGIN
    IF to_regprocedure('grant_public_views()') IS NOT NULL THEN
        PERFORM grant_public_views();
    END IF;
END
$$;
-- +goose StatementEnd
