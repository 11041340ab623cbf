package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/alert"
)

// StoredChannel is a channel as it is kept.
type StoredChannel struct {
	alert.Channel
	Owner     string
	UpdatedAt time.Time
}

// Channels lists the channels in the order of their names. One that a newer
// release wrote in words that this one does not know is left out: what it should
// do cannot be done.
func (s *Store) Channels(ctx context.Context) ([]StoredChannel, error) {
	found, err := readChannels(ctx, s.pool)
	if err != nil {
		return nil, s.failed("reading the channels", err)
	}
	return found, nil
}

func readChannels(ctx context.Context, q runner) ([]StoredChannel, error) {
	rows, err := q.Query(ctx, `SELECT version, spec, owner, created_at, updated_at FROM channels ORDER BY name`)
	if err != nil {
		return nil, err
	}
	var found []StoredChannel
	var version int
	var spec []byte
	var owner string
	var created, updated time.Time
	_, err = pgx.ForEachRow(rows, []any{&version, &spec, &owner, &created, &updated}, func() error {
		c, err := alert.Decode(spec)
		if err != nil || version > alert.ChannelVersion {
			return nil //nolint:nilerr // see above
		}
		c.Since = created
		found = append(found, StoredChannel{c, owner, updated})
		return nil
	})
	return found, err
}

// ChannelsApplied names channels by what became of them.
type ChannelsApplied struct{ Created, Changed, Unchanged []string }

// ApplyChannels creates and changes channels so that they are as given, all or
// none. Those of another owner are refused by an [*OwnedError], unless takeOver.
func (s *Store) ApplyChannels(ctx context.Context, channels []alert.Channel, owner string, takeOver bool) (ChannelsApplied, error) {
	var a ChannelsApplied
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		a = ChannelsApplied{}
		if _, err := tx.Exec(ctx, `LOCK TABLE channels IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT name, owner FROM channels`)
		if err != nil {
			return err
		}
		owners := map[string]string{}
		var name, by string
		if _, err := pgx.ForEachRow(rows, []any{&name, &by}, func() error { owners[name] = by; return nil }); err != nil {
			return err
		}
		others := map[string]string{}
		for _, c := range channels {
			if by := owners[c.Name]; by != "" && by != owner && !takeOver {
				others[c.Name] = by
			}
			if err := applyChannel(ctx, tx, c, owner, owners, &a); err != nil {
				return err
			}
		}
		if len(others) > 0 {
			return &OwnedError{Owners: others}
		}
		if len(owners)+len(a.Created) > alert.MaxChannels {
			return refuse("there would be %d channels; at most %d", len(owners)+len(a.Created), alert.MaxChannels)
		}
		var entries []access.Entry
		for _, name := range a.Created {
			entries = append(entries, access.Entry{Action: actChannelMake, Subject: name})
		}
		for _, name := range a.Changed {
			entries = append(entries, access.Entry{Action: actChannelChange, Subject: name})
		}
		return audit(ctx, tx, entries...)
	})
	if err != nil {
		return ChannelsApplied{}, fmt.Errorf("applying channels: %w", err)
	}
	return a, nil
}

func applyChannel(ctx context.Context, tx pgx.Tx, c alert.Channel, owner string, owners map[string]string, a *ChannelsApplied) error {
	spec, err := c.Encode()
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO channels AS c (name, version, spec, owner) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET (version, spec, owner, updated_at) =
			(excluded.version, excluded.spec, CASE excluded.owner WHEN '' THEN c.owner ELSE excluded.owner END, now())
		WHERE (c.spec, c.owner) IS DISTINCT FROM (excluded.spec, CASE excluded.owner WHEN '' THEN c.owner ELSE excluded.owner END)`,
		c.Name, alert.ChannelVersion, string(spec), owner)
	if err != nil {
		return err
	}
	_, known := owners[c.Name]
	switch {
	case tag.RowsAffected() == 0:
		a.Unchanged = append(a.Unchanged, c.Name)
	case known:
		a.Changed = append(a.Changed, c.Name)
	default:
		a.Created = append(a.Created, c.Name)
	}
	return nil
}

// RemoveChannel takes a channel away and gives up what it was not told yet. It
// reports whether there was one.
func (s *Store) RemoveChannel(ctx context.Context, name string) (bool, error) {
	removed := false
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM channels WHERE name = $1`, name)
		if err != nil {
			return err
		}
		if removed = tag.RowsAffected() > 0; !removed {
			return nil
		}
		_, err = tx.Exec(ctx, `
			UPDATE deliveries SET state = 'given_up', settled_at = now(), error = 'the channel was removed'
			WHERE channel = $1 AND state = 'waiting'`, name)
		if err != nil {
			return err
		}
		return audit(ctx, tx, access.Entry{Action: actChannelRemove, Subject: name})
	})
	if err != nil {
		return false, s.failed("removing the channel", err)
	}
	return removed, nil
}

// UnknownChannels are those of names that there are not.
func (s *Store) UnknownChannels(ctx context.Context, names []string) ([]string, error) {
	found, err := s.Channels(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		return slices.ContainsFunc(found, func(c StoredChannel) bool { return c.Name == n })
	}), nil
}
