package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/codec"
	"github.com/probefleet/probefleet/internal/console"
)

// eachCheck calls do for every check of a query, page by page.
func (c consoleClient) eachCheck(ctx context.Context, q url.Values, do func(console.Definition) error) error {
	q.Set("limit", strconv.Itoa(console.MaxPage))
	for {
		var page console.Definitions
		if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/checks?"+q.Encode(), nil, &page); err != nil {
			return err
		}
		for _, d := range page.Checks {
			if err := do(d); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Set("after", page.Next)
	}
}

func export(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet export", "[ID...]", "writes the checks of a console as a check file, which says the same when it is applied again; all of them where none is named", p)
	var c consoleClient
	var output, owner, tag, file string
	c.flags(f)
	outputFlag(f, &output, "yaml", "json")
	f.StringVar(&owner, "owner", "", "only of this set")
	f.StringVar(&tag, "tag", "", "only with this tag")
	f.StringVar(&file, "out", "", "file to write to; standard output where empty")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	q := url.Values{}
	for name, v := range map[string]string{"owner": owner, "tag": tag} {
		if v != "" {
			q.Set(name, v)
		}
	}
	named := map[string]bool{}
	for _, id := range f.Args() {
		named[id] = true
	}
	var checks []check.Check
	var found []console.Definition
	err := c.eachCheck(ctx, q, func(d console.Definition) error {
		ch, err := codec.DecodeCheck(d.Version, d.Check)
		if err != nil {
			return fmt.Errorf("reading a check of the console: %w (is this program older than the console?)", err)
		}
		if f.NArg() == 0 || named[ch.ID] {
			checks, found = append(checks, ch), append(found, d)
			delete(named, ch.ID)
		}
		return nil
	})
	for id := range named {
		err = errors.Join(err, fmt.Errorf("the console has no check %q", id))
	}
	if err == nil && len(checks) == 0 {
		err = errors.New("the console has no such check")
	}
	if err != nil {
		return err
	}
	out := p.Stdout
	if file != "" {
		w, err := os.Create(file) //nolint:gosec // the file that was asked for
		if err != nil {
			return fmt.Errorf("-out: %w", err)
		}
		defer func() { _ = w.Close() }()
		out = w
	}
	if output == "json" {
		return writeJSON(out, found)
	}
	data, err := checkfile.Write(checks)
	if err != nil {
		return err
	}
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("writing the checks: %w", err)
	}
	return nil
}
