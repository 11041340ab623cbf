-- +goose Up

-- What candidate workers found in copies of jobs: of no check's state, in no
-- count, on no page. id and slot are those of the attempt in runs that counts.
CREATE TABLE shadow_runs (
    id uuid NOT NULL,
    build text NOT NULL,
    slot timestamptz NOT NULL,
    check_id text NOT NULL,
    location text NOT NULL,
    kind text NOT NULL,
    outcome text NOT NULL,
    fault_class text NOT NULL,
    fault_message text NOT NULL,
    latency_us bigint NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (id, build)
);

CREATE INDEX shadow_runs_by_build ON shadow_runs (build, slot);
CREATE INDEX shadow_runs_by_slot ON shadow_runs (slot);
