// Package gitrepo asks git: which commits the trunk has, which is an ancestor
// of which, and what the ledger says. It owns how the ledger is kept in a ref.
// It refuses to change any other ref of the remote.
package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// Repo is a clone, the trunk in it, and the ref that holds a ledger.
type Repo struct {
	// Dir is the clone. Remote is where the trunk is fetched from and the
	// ledger kept; "" for Dir itself.
	Dir, Remote string
	Branch      string
	Ledger      string
	// Candidates is how many of the newest commits are listed.
	Candidates int
}

var idForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// userInfo is what an address may hold before its host.
var userInfo = regexp.MustCompile(`://[^/@\s]*@`)

// git runs git and returns what it prints. code is its exit code where it ran.
func (r *Repo) git(ctx context.Context, input string, env []string, args ...string) (out string, code int, err error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", r.Dir}, args...)...)
	cmd.Env = append(surroundings(), append([]string{"GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}, env...)...)
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = 5 * time.Second
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if err == nil {
		return strings.TrimRight(stdout.String(), "\n"), 0, nil
	}
	words := strings.TrimSpace(userInfo.ReplaceAllString(stderr.String(), "://"))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	}
	return stdout.String(), code, fmt.Errorf("git %s: %w: %s", args[0], err, words)
}

// surroundings are ours without what would lead git to another repository, as
// it does inside of a hook.
func surroundings() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return slices.Contains([]string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES"}, name)
	})
}

func (r *Repo) trunk() string {
	if r.Remote == "" {
		return "refs/heads/" + r.Branch
	}
	return "refs/remotes/" + r.Remote + "/" + r.Branch
}

// Fetch brings the trunk and the ledger of the remote here.
func (r *Repo) Fetch(ctx context.Context) error {
	if r.Remote == "" {
		return nil
	}
	// With a star it is no fault that there is no ledger yet.
	_, _, err := r.git(ctx, "", nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--prune", r.Remote,
		"+refs/heads/"+r.Branch+":"+r.trunk(), "+"+r.Ledger+"*:"+r.Ledger+"*")
	return err
}

// Trunk lists the newest commits of the trunk, the newest first.
func (r *Repo) Trunk(ctx context.Context) ([]promotion.Commit, error) {
	out, _, err := r.git(ctx, "", nil, "log", "--first-parent", fmt.Sprintf("--max-count=%d", r.Candidates), "--format=%H%x00%cI%x00%s", r.trunk(), "--")
	if err != nil {
		return nil, fmt.Errorf("listing the trunk: %w", err)
	}
	var list []promotion.Commit
	for i, line := range strings.Split(out, "\n") {
		c, err := parseCommit(line)
		if err != nil {
			return nil, err
		}
		c.OnTrunk, c.Back = promotion.Yes, i
		list = append(list, c)
	}
	return list, nil
}

func parseCommit(line string) (promotion.Commit, error) {
	fields := strings.SplitN(line, "\x00", 3)
	if len(fields) != 3 || !idForm.MatchString(fields[0]) {
		return promotion.Commit{}, fmt.Errorf("git printed %.80q instead of a commit", line)
	}
	at, err := time.Parse(time.RFC3339, fields[1])
	if err != nil {
		return promotion.Commit{}, fmt.Errorf("git printed the time %q: %w", fields[1], err)
	}
	return promotion.Commit{ID: fields[0], At: at.UTC(), Subject: fields[2], Back: -1}, nil
}

// Commit is a commit that is not among the newest of the trunk. Its OnTrunk
// is as [Repo.IsAncestor] says.
func (r *Repo) Commit(ctx context.Context, id string) (promotion.Commit, error) {
	if !idForm.MatchString(id) {
		return promotion.Commit{}, fmt.Errorf("%q is not the whole id of a commit", id)
	}
	out, _, err := r.git(ctx, "", nil, "log", "--max-count=1", "--format=%H%x00%cI%x00%s", id, "--")
	if err != nil {
		return promotion.Commit{}, err
	}
	c, err := parseCommit(out)
	if err != nil {
		return c, err
	}
	c.OnTrunk, err = r.ancestor(ctx, id, r.trunk())
	return c, err
}

// IsAncestor asks `git merge-base --is-ancestor`.
func (r *Repo) IsAncestor(ctx context.Context, a, d string) (promotion.Known, error) {
	if !idForm.MatchString(a) || !idForm.MatchString(d) {
		return promotion.NotKnown, fmt.Errorf("%q or %q is not the whole id of a commit", a, d)
	}
	return r.ancestor(ctx, a, d)
}

func (r *Repo) ancestor(ctx context.Context, a, d string) (promotion.Known, error) {
	_, code, err := r.git(ctx, "", nil, "merge-base", "--is-ancestor", a, d)
	switch {
	case err == nil:
		return promotion.Yes, nil
	case code == 1:
		return promotion.No, nil
	}
	return promotion.NotKnown, err
}

// Resolve is the whole id of a commit that somebody named.
func (r *Repo) Resolve(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "-") {
		return "", fmt.Errorf("%q is not the name of a commit", name)
	}
	if name == r.Branch { // of the remote, if there is one
		name = r.trunk()
	}
	out, _, err := r.git(ctx, "", nil, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	out = strings.TrimPrefix(out, "--end-of-options\n")
	if err != nil || !idForm.MatchString(out) {
		return "", fmt.Errorf("%q names no commit of %s", name, r.Dir)
	}
	return out, nil
}
