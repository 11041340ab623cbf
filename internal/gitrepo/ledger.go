package gitrepo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/probefleet/probefleet/internal/promotion"
)

// ErrMoved says that somebody else has written into the ledger meanwhile: read
// it again, and decide again.
var ErrMoved = errors.New("somebody else has written into the ledger; look again")

// Entries reads the ledger, the oldest entry first, and its tip, which is ""
// while nothing was written. An entry that is not understood is an error:
// it may be a hold.
func (r *Repo) Entries(ctx context.Context) (entries []promotion.Entry, tip string, err error) {
	tip, code, err := r.git(ctx, "", nil, "rev-parse", "--verify", "--quiet", r.Ledger)
	if err != nil {
		if code == 1 {
			return nil, "", nil
		}
		return nil, "", fmt.Errorf("reading the ledger: %w", err)
	}
	out, _, err := r.git(ctx, "", nil, "log", "--reverse", "--first-parent", "--format=%H%x00%B%x01", tip, "--")
	if err != nil {
		return nil, "", fmt.Errorf("reading the ledger: %w", err)
	}
	for part := range strings.SplitSeq(strings.TrimRight(out, "\x01\n"), "\x01") {
		id, message, _ := strings.Cut(strings.TrimLeft(part, "\n"), "\x00")
		_, body, ok := strings.Cut(message, "\n\n")
		e := promotion.Entry{}
		in := json.NewDecoder(strings.NewReader(body))
		in.DisallowUnknownFields()
		if err := in.Decode(&e); !ok || err != nil {
			return nil, "", fmt.Errorf("the entry %s of the ledger %s is not understood (%w): this deployer may be older than the one that wrote it", id, r.Ledger, err)
		}
		e.ID, e.Seq = id, len(entries)+1
		entries = append(entries, e)
	}
	return entries, tip, nil
}

// Append writes an entry behind the tip, and answers the new tip, which is the
// entry's id. It is [ErrMoved] where the ledger has another tip by now: nothing
// is written then.
func (r *Repo) Append(ctx context.Context, tip string, e promotion.Entry) (string, error) {
	e.Seq, e.ID = 0, "" // the place tells them
	body, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("encoding an entry of the ledger: %w", err)
	}
	tree, _, err := r.git(ctx, "", nil, "mktree")
	if err != nil {
		return "", err
	}
	date := e.At.UTC().Format("2006-01-02T15:04:05Z")
	who := strings.Map(func(c rune) rune {
		if c < ' ' || c == '<' || c == '>' {
			return -1
		}
		return c
	}, e.Actor)
	if who == "" {
		who = "deployer"
	}
	env := []string{
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=deployer@localhost", "GIT_AUTHOR_DATE=" + date,
		"GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=deployer@localhost", "GIT_COMMITTER_DATE=" + date,
	}
	args := []string{"commit-tree", tree}
	if tip != "" {
		args = append(args, "-p", tip)
	}
	// The nonce makes the same entry of two writers two commits, so that one of
	// them is told that it came second.
	message := subject(e) + "\n\n" + string(body) + "\n\nNonce: " + rand.Text() + "\n"
	id, _, err := r.git(ctx, message, env, args...)
	if err != nil {
		return "", err
	}
	if r.Remote != "" {
		if err := r.push(ctx, tip, id); err != nil {
			return "", err
		}
	}
	return id, r.move(ctx, tip, id)
}

// subject is what `git log --oneline` shows.
func subject(e promotion.Entry) string {
	words := []string{string(e.Kind)}
	if e.Rollback {
		words[0] = "roll back"
	}
	for _, w := range []string{e.Stage, promotion.Short(e.Commit), string(e.Gate), string(e.Outcome)} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

// push hands the entry to the remote, which takes it only where its tip is
// still ours.
func (r *Repo) push(ctx context.Context, tip, id string) error {
	_, _, err := r.git(ctx, "", nil, "push", "--quiet", "--porcelain", "--force-with-lease="+r.Ledger+":"+tip, r.Remote, id+":"+r.Ledger)
	if err == nil {
		return nil
	}
	if words := err.Error(); strings.Contains(words, "stale info") || strings.Contains(words, "non-fast-forward") || strings.Contains(words, "fetch first") || strings.Contains(words, "cannot lock ref") || strings.Contains(words, "failed to push some refs") {
		// Who wins a race is for the remote to say, so ask it.
		now, _, lerr := r.git(ctx, "", nil, "ls-remote", r.Remote, r.Ledger)
		if at, _, _ := strings.Cut(now, "\t"); lerr == nil && at == id {
			return nil
		} else if lerr == nil && at != tip {
			return ErrMoved
		}
	}
	return fmt.Errorf("writing the ledger: %w (may %s be pushed to?)", err, r.Ledger)
}

// move sets the ref here. With a remote that has the entry it does not matter
// whether somebody else has fetched it already.
func (r *Repo) move(ctx context.Context, tip, id string) error {
	if tip == "" {
		tip = strings.Repeat("0", len(id))
	}
	if r.Remote != "" {
		_, _, err := r.git(ctx, "", nil, "update-ref", r.Ledger, id)
		return err
	}
	if _, _, err := r.git(ctx, "", nil, "update-ref", r.Ledger, id, tip); err != nil {
		if now, _, again := r.git(ctx, "", nil, "rev-parse", "--verify", "--quiet", r.Ledger); again == nil && now != tip {
			return ErrMoved
		}
		return fmt.Errorf("writing the ledger: %w", err)
	}
	return nil
}
