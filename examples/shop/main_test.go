package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestUsage(t *testing.T) {
	for args, want := range map[string]struct {
		code  int
		words string
	}{
		"-h":                      {0, "-fault-rate"},
		"-nonsense":               {2, "nonsense"},
		"-fault everything":       {1, ""},
		"-fault-rate 2":           {1, ""},
		"-addr 127.0.0.1:nowhere": {1, ""},
	} {
		var out bytes.Buffer
		err := run(context.Background(), strings.Fields(args), &out)
		if got := status(err); got != want.code || !strings.Contains(out.String(), want.words) {
			t.Errorf("%s: code %d, %v, %s", args, got, err, &out)
		}
	}
	if err := run(context.Background(), []string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// SIGTERM ends the shop without an error.
func TestStopsOnSIGTERM(t *testing.T) {
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(context.Background(), []string{"-addr", "127.0.0.1:0"}, w) }()
	lines := bufio.NewReader(r)
	said, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }() // it says more
	url := strings.TrimSpace(strings.TrimPrefix(said, "the shop is open on "))
	resp, err := http.Get(url + "/api/health")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("run = %v", err)
	}
}
