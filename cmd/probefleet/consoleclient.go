package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

// consoleClient speaks to the API of a console.
type consoleClient struct{ url, token string }

// flags adds -console, and the token by environment.
func (c *consoleClient) flags(f *daemon.Flags) {
	f.StringVar(&c.url, "console", "http://127.0.0.1:8081", "address of the console")
	f.Secret(&c.token, "PROBEFLEET_CONSOLE_TOKEN")
}

// call sends in as JSON, nothing where it is nil, and reads the answer into
// out, unless that is nil. An answer that is no success is an error in the
// console's words.
func (c consoleClient) call(ctx context.Context, patience time.Duration, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.url, "/")+path, body)
	if err != nil {
		return fmt.Errorf("console address %q: %w", c.url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking the console: %w (is it running, and is -console right?)", err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, console.MaxApplyBytes))
	if err != nil {
		return fmt.Errorf("reading the console's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		return refusal(resp.Status, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the console's answer is not the JSON that was expected (is -console right?): %w", err)
	}
	return nil
}

// refusal reads an answer that is no success.
func refusal(status string, data []byte) error {
	if strings.HasPrefix(status, "401") {
		return fmt.Errorf("the console answered %s: the token is missing or wrong; set PROBEFLEET_CONSOLE_TOKEN to one that the console's settings list, or made by `probefleet token create`", status)
	}
	var p console.Problem
	if json.Unmarshal(data, &p) != nil || p.Detail == "" {
		return fmt.Errorf("the console answered %s (is -console right?)", status)
	}
	return fmt.Errorf("the console answered %s: %s", status, strings.Join(append([]string{p.Detail}, p.Faults...), "\n  "))
}
