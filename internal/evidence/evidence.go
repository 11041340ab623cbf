// Package evidence asks those who know how a service is doing: the fleet's
// console, Prometheus, Alertmanager, and the builds. It owns how their answers
// are read, and reads nothing as good news but what says so: an answer that is
// empty, late, or not understood is an error. It refuses to decide anything,
// and to change anything anywhere: every request is a GET.
package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// patience bounds each request.
const patience = 15 * time.Second

// Source is where evidence is asked for.
type Source struct {
	// URL has no path beyond the one that the service itself is under.
	URL string
	// Token is sent as a bearer token where it is not empty.
	Token string
}

// client follows no redirects: a token belongs to the host that was named.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

// get reads JSON into out. What is not a success is an error without the
// answer's text, which may hold anything.
func (s Source) get(ctx context.Context, path string, query url.Values, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address := strings.TrimSuffix(s.URL, "/") + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("the address is not one")
	}
	req.Header.Set("Accept", "application/json")
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the whole address
		}
		return fmt.Errorf("asking %s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer of %s: %w", req.URL.Host, err)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %s to %s", req.URL.Host, resp.Status, req.URL.Path)
	case len(data) > maxAnswer:
		return fmt.Errorf("the answer of %s is larger than %d MiB", req.URL.Host, maxAnswer>>20)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer of %s is not the JSON that was expected: %w", req.URL.Host, err)
	}
	return nil
}
