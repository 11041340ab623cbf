package recorder

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// pruned notes until when it was pruned, and fails the first time.
type pruned struct{ until []time.Time }

func (p *pruned) Prune(_ context.Context, before time.Time) (int, error) {
	p.until = append(p.until, before)
	if len(p.until) == 1 {
		return 0, errors.New("the store is away")
	}
	return 1, nil
}

func TestOldArtifactsAreRemovedHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pruned{}
		r := &Recorder{o: Options{Artifacts: p, KeepArtifacts: 48 * time.Hour, Logger: slog.New(slog.DiscardHandler)}}
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		go r.pruneArtifacts(ctx)
		time.Sleep(2*time.Hour + time.Minute)
		cancel()
		synctest.Wait()
		if len(p.until) != 3 {
			t.Fatalf("pruned %d times in two hours, want 3", len(p.until))
		}
		for i, until := range p.until {
			if want := began.Add(time.Duration(i)*time.Hour - 48*time.Hour); !until.Equal(want) {
				t.Errorf("pruning %d removes what ended before %s, want %s", i, until, want)
			}
		}
	})
}
