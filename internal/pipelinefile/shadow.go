package pipelinefile

import (
	"regexp"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// commitForm is {commit}, or {commit:N} for its first N characters.
var commitForm = regexp.MustCompile(`\{commit(?::([0-9]{1,2}))?\}`)

// shadow checks what shadow runs have to show, and fills in what is absent.
func (d *decoder) shadow(path string, f *File, s *Shadow) {
	d.console(path, f)
	if s.Since == 0 {
		s.Since = Duration(24 * time.Hour)
	}
	if s.Pairs == 0 {
		s.Pairs = 300
	}
	if s.Disagreements == 0 {
		s.Disagreements = 0.01
	}
	if s.Slower == 0 {
		s.Slower = 1.1
	}
	switch {
	case s.Build == "":
		d.wrong(path+".build", "is missing; write how the build of a commit is called, with {commit} in it")
	case !commitForm.MatchString(s.Build):
		d.wrong(path+".build", "%q is the same for every commit; write {commit}, or {commit:12} for its first characters", s.Build)
	}
	if since := time.Duration(s.Since); since < time.Minute || since > 30*24*time.Hour {
		d.wrong(path+".since", "%s; use 1m to 30d", since)
	}
	if s.Pairs < 1 {
		d.wrong(path+".pairs", "%d; use 1 or more", s.Pairs)
	}
	if !(s.Disagreements > 0 && s.Disagreements <= 1) {
		d.wrong(path+".disagreements", "%g; use a share of more than 0 and at most 1, such as 0.01", s.Disagreements)
	}
	if !(s.Slower > 0) {
		d.wrong(path+".slower", "%g; use a ratio such as 1.1", s.Slower)
	}
}

// BuildOf is the build of a commit.
func (s Shadow) BuildOf(commit string) string {
	return commitForm.ReplaceAllStringFunc(s.Build, func(form string) string {
		n := len(commit)
		if m := commitForm.FindStringSubmatch(form); m[1] != "" {
			n, _ = strconv.Atoi(m[1]) // of two digits at most
		}
		return commit[:min(n, len(commit))]
	})
}

// policy is what the gate asks.
func (s *Shadow) policy() *promotion.ShadowGate {
	if s == nil {
		return nil
	}
	return &promotion.ShadowGate{Pairs: s.Pairs, Disagree: s.Disagreements, Slower: s.Slower}
}
