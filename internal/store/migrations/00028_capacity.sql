-- +goose Up

-- What workers were busy with, by the minute in which it was stored, as each
-- recorder has seen it: what is needed to say how many are wanted. Rows are
-- dropped after two hours.
CREATE TABLE service_times (
    minute    timestamptz NOT NULL,
    location  text COLLATE "C" NOT NULL,
    class     text        NOT NULL,
    recorder  text        NOT NULL,
    runs      bigint      NOT NULL, -- attempts that were begun
    again     bigint      NOT NULL, -- of these, those after the first of their slot
    busy_us   bigint      NOT NULL, -- sum of the times from receipt to end
    waited_us bigint      NOT NULL, -- longest time from sending to receipt
    PRIMARY KEY (minute, location, class, recorder)
) WITH (fillfactor = 70);

-- How many workers were wanted last, and when: from here a scheduler goes on
-- that begins to say it.
CREATE TABLE wanted_workers (
    location   text COLLATE "C" NOT NULL,
    class      text        NOT NULL,
    workers    integer     NOT NULL,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (location, class)
) WITH (fillfactor = 70);
