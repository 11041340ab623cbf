package command

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	t.Setenv("CONSOLE_TOKEN", "hidden-token")
	r := Runner{Without: []string{"CONSOLE_TOKEN"}, Timeout: time.Minute, Hide: func(s string) string { return strings.ReplaceAll(s, "word", "****") }}
	got, err := r.Run(t.Context(), t.TempDir(), []string{"MORE=more"}, "sh", "-c", `echo "$MORE [$CONSOLE_TOKEN] $PWD"; echo first >&2; echo "a word" >&2; exit 75`)
	if err != nil || got.Code != TempFail || !strings.HasPrefix(got.Stdout, "more [] /") || got.Last != "a ****" {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = r.Run(t.Context(), "", nil, "sh", "-c", "head -c 200000 /dev/zero | tr '\\0' x; echo; echo end"); err != nil || len(got.Stdout) != maxOutput || got.Last != "end" {
		t.Errorf("%d bytes of much output, last %q, %v", len(got.Stdout), got.Last, err)
	}
	if _, err = r.Run(t.Context(), "", nil, "/no/such/program"); err == nil || !strings.Contains(err.Error(), "/no/such/program") {
		t.Errorf("a program that is not there: %v", err)
	}
	if _, err = r.Run(t.Context(), "", nil, "sh", "-c", "kill -9 $$"); err == nil {
		t.Error("a command that was killed is no error")
	}
}

// TestTimeoutReachesChildren: what the command started ends with it.
func TestTimeoutReachesChildren(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	// The inner shell holds the file open for writing until it ends.
	go func() {
		_, err := Runner{Timeout: time.Hour}.Run(ctx, "", nil, "sh", "-c", "mkfifo "+pipe+"; (sleep 1000 > "+pipe+")")
		done <- err
	}()
	for {
		if _, err := os.Stat(pipe); err == nil {
			break
		}
	}
	f, err := os.Open(pipe) // waits for the writer
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cancel()
	if err := <-done; err == nil {
		t.Error("a command whose context ended is no error")
	}
	if n, _ := f.Read(make([]byte, 1)); n != 0 { // ends once nobody can write any more
		t.Error("somebody wrote")
	}
}
