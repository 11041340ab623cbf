package browserrunner

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCheck: one that nobody has used yet is started, one that hangs is told
// from one that answers, and asking is no run.
func TestCheck(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Recycle = 2 })
	for range 5 {
		if err := r.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.browsers.mu.Lock()
	b := r.browsers.current
	r.browsers.mu.Unlock()
	if b == nil || b.runs != 0 {
		t.Fatalf("after five questions: %+v", b)
	}
	if err := syscall.Kill(b.proc.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := r.Check(ctx); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("a browser that hangs: %v", err)
	}
	if err := syscall.Kill(b.proc.pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err != nil {
		t.Errorf("a browser that goes on: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(t.Context()); err == nil {
		t.Error("a runner that is closed has a browser")
	}
}

// TestCheckOfWhatDoesNotStart: the reason is told again without another start.
func TestCheckOfWhatDoesNotStart(t *testing.T) {
	t.Parallel()
	r, _ := own(t, func(o *Options) { o.Path = "/bin/false" })
	first := r.Check(t.Context())
	if first == nil || !strings.Contains(first.Error(), "/bin/false") {
		t.Fatalf("what is no browser: %v", first)
	}
	tried := r.browsers.tried
	if again := r.Check(t.Context()); again != first || r.browsers.tried != tried {
		t.Errorf("it was tried again at once: %v", again)
	}
	r.browsers.mu.Lock()
	r.browsers.tried = tried.Add(-startAgain)
	r.browsers.mu.Unlock()
	if err := r.Check(t.Context()); err == nil || r.browsers.tried.Equal(tried) {
		t.Errorf("it was not tried again: %v", err)
	}
}
