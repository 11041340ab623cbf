-- +goose Up

-- Incidents of a check, those that people wrote of it too.
CREATE INDEX incidents_about ON incidents USING gin (checks);
