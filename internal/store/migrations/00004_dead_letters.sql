-- +goose Up

-- Why messages became dead letters, in the words of those who held them last:
-- a queue cannot keep that. Rows older than any message is kept are deleted.
CREATE TABLE dead_letters (
    queue      text        NOT NULL,
    message_id text        NOT NULL,
    reason     text        NOT NULL,
    error      text        NOT NULL,
    worker     text        NOT NULL,
    given_up   timestamptz NOT NULL, -- by the worker's clock
    noted_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (message_id, queue)
);
CREATE INDEX dead_letters_noted ON dead_letters (noted_at);
