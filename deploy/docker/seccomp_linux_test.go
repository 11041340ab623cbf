// Package docker holds the images and what they run under.
package docker

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "write seccomp.json anew")

// sandbox are the calls by which Chromium's sandbox, which makes user
// namespaces, is set up. Docker's default allows them to those with
// capabilities only, which a worker has none of.
var sandbox = []string{"chroot", "clone", "unshare"}

// TestSeccompIsCurrent: the profile is the engine's own default, of the module
// that the engine takes it from (github.com/moby/profiles, Apache 2.0), and one
// more rule.
func TestSeccompIsCurrent(t *testing.T) {
	profile := seccomp.DefaultProfile()
	profile.Syscalls = append(profile.Syscalls, &seccomp.Syscall{
		LinuxSyscall: specs.LinuxSyscall{Names: sandbox, Action: specs.ActAllow},
		Comment:      "Chromium's sandbox makes user namespaces of its own",
	})
	want, err := json.MarshalIndent(profile, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("seccomp.json", want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("seccomp.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("seccomp.json is not the default profile with the rule for Chromium: run `go test ./deploy/docker -update`, and read the difference")
	}
	// What the rule is for is not allowed without it.
	for _, s := range seccomp.DefaultProfile().Syscalls {
		for _, name := range sandbox {
			if slices.Contains(s.Names, name) && s.Action == specs.ActAllow && len(s.Args) == 0 && s.Includes == nil && s.Excludes == nil {
				t.Errorf("the default allows %s by itself now: the rule is not needed any more", name)
			}
		}
	}
}
