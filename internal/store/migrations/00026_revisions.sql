-- +goose Up

-- Who made a definition: whoever writes checks says so in the transaction. A
-- release that does not say leaves it empty.
ALTER TABLE check_history ADD COLUMN changed_by text NOT NULL DEFAULT '';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION keep_check_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who text := coalesce(current_setting('probefleet.changed_by', true), '');
BEGIN
    INSERT INTO check_history (check_id, since, active, spec_version, spec, changed_by)
    VALUES (NEW.id, NEW.updated_at, NEW.active AND NEW.removed_at IS NULL, NEW.spec_version, NEW.spec, who)
    ON CONFLICT (check_id, since) DO UPDATE SET
        (active, spec_version, spec, changed_by) = (excluded.active, excluded.spec_version, excluded.spec, excluded.changed_by);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
