package evidence

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/internal/command"
	"github.com/probefleet/probefleet/internal/promotion"
)

// BuildPage reads the state of a commit's build from a page of JSON.
type BuildPage struct {
	// Source.URL is the whole address, with {commit} in it.
	Source Source
	// Field is where the state is, with dots between names.
	Field                   string
	Passed, Pending, Failed []string
}

// Build asks for the state of a commit's build.
func (b BuildPage) Build(ctx context.Context, commit string) (promotion.CI, error) {
	var answer any
	s := Source{URL: strings.ReplaceAll(b.Source.URL, "{commit}", commit), Token: b.Source.Token}
	if err := s.get(ctx, "", nil, &answer); err != nil {
		return promotion.CI{}, err
	}
	for name := range strings.SplitSeq(b.Field, ".") {
		object, _ := answer.(map[string]any)
		answer = object[name]
	}
	word, ok := answer.(string)
	if !ok {
		return promotion.CI{}, fmt.Errorf("there is no text at %q of the answer", b.Field)
	}
	for state, words := range map[promotion.Build][]string{promotion.BuildPassed: b.Passed, promotion.BuildPending: b.Pending, promotion.BuildFailed: b.Failed} {
		if slices.Contains(words, word) {
			return promotion.CI{Commit: commit, State: state}, nil
		}
	}
	return promotion.CI{}, fmt.Errorf("the state %.40q is none of those that are known", word)
}

// BuildCommand asks a command for the state of a commit's build.
type BuildCommand struct {
	Run  command.Runner
	Argv []string
}

// Build runs the command: 0 passed, 1 failed, 75 not yet done. Any other exit
// code is an error.
func (b BuildCommand) Build(ctx context.Context, commit string) (promotion.CI, error) {
	r, err := b.Run.Run(ctx, "", []string{"DEPLOYER_COMMIT=" + commit}, command.Fill(b.Argv, map[string]string{"commit": commit})...)
	if err != nil {
		return promotion.CI{}, err
	}
	state, ok := map[int]promotion.Build{0: promotion.BuildPassed, 1: promotion.BuildFailed, command.TempFail: promotion.BuildPending}[r.Code]
	if !ok {
		return promotion.CI{}, fmt.Errorf("%s ended with %d: %s", b.Argv[0], r.Code, r.Last)
	}
	return promotion.CI{Commit: commit, State: state}, nil
}
