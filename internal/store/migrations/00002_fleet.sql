-- +goose Up

-- Who takes jobs: what each worker last said of itself. Workers of a release
-- that says nothing are known by their results only (silent).
CREATE TABLE workers (
    id           text COLLATE "C" PRIMARY KEY,
    location     text        NOT NULL,
    silent       boolean     NOT NULL,
    sent_at      timestamptz NOT NULL, -- by the worker's clock: orders its words
    seen_at      timestamptz NOT NULL,
    data_version integer     NOT NULL,
    data         jsonb       NOT NULL  -- the announcement, in codec's shape, with its envelope
);

-- Who takes results.
CREATE TABLE recorders (
    id      text COLLATE "C" PRIMARY KEY,
    build   text        NOT NULL,
    reads   integer     NOT NULL, -- highest version of results
    seen_at timestamptz NOT NULL,
    left_at timestamptz -- set at a clean end
);

-- In which version each class of a location is written to; the row of '' and
-- '' is the recorders'.
CREATE TABLE pins (
    location   text COLLATE "C" NOT NULL,
    class      text COLLATE "C" NOT NULL,
    computed   integer     NOT NULL,
    override   integer, -- by a person's hand
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (location, class)
);
