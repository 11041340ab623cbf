-- +goose Up

-- Coverage leaves out runs that were made for another location: with that in
-- the index it need not look at the table.
DROP INDEX runs_of_check;
CREATE INDEX runs_of_check ON runs (check_id, slot DESC) INCLUDE (location, attempt, outcome, latency_us, origin);

-- Of a month of a check's runs those that did not pass are few, and what people
-- look for.
CREATE INDEX runs_not_passed ON runs (check_id, slot DESC) WHERE outcome <> 'passed';
