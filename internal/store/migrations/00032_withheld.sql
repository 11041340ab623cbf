-- +goose Up

-- A message that was waiting for its next try when nobody was to be told any
-- more. A release that does not know the state takes no such message.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_state_check;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_state_check
    CHECK (state IN ('waiting', 'sent', 'given_up', 'withheld'));
