package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
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
	var output, owner, tag, folder string
	c.flags(f)
	outputFlag(f, &output, "yaml", "json")
	f.StringVar(&owner, "owner", "", "only of this set")
	f.StringVar(&tag, "tag", "", "only with this tag")
	f.StringVar(&folder, "out", "", "folder to write files to; standard output where empty")
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
	if err != nil {
		return err // what is not there is not known
	}
	for id := range named {
		err = errors.Join(err, fmt.Errorf("the console has no check %q", id))
	}
	if err == nil && len(checks) == 0 {
		err = errors.New("the console has no such check")
	}
	if err != nil {
		return err
	}
	if output == "json" {
		return writeJSON(p.Stdout, found)
	}
	files, err := checkfile.Write(checks)
	if err != nil {
		return err
	}
	if f.NArg() == 0 && tag == "" {
		told, err := c.channelsOf(ctx, owner)
		if err != nil {
			return err
		}
		pages, err := c.pagesOf(ctx, owner)
		if err != nil {
			return err
		}
		files[0] = slices.Concat(told, pages, files[0])
	}
	return putFiles(p.Stdout, folder, files)
}

// putFiles writes check files into a folder, or the only one to w.
func putFiles(w io.Writer, folder string, contents [][]byte) error {
	const head = "# yaml-language-server: $schema=checks.schema.json\n"
	if folder == "" {
		if len(contents) > 1 {
			return &daemon.ExitError{Code: 2, Err: errors.New("these are too many checks for one file; name a folder by -out")}
		}
		_, err := w.Write(contents[0])
		return err
	}
	files := map[string][]byte{"checks.schema.json": checkfile.Schema()}
	for i, content := range contents {
		name := "checks.yaml"
		if len(contents) > 1 {
			name = fmt.Sprintf("checks-%03d.yaml", i+1)
		}
		files[name] = append([]byte(head), content...)
	}
	if err := writeFiles(folder, files); err != nil {
		return err
	}
	for _, name := range sortedNames(files) {
		fmt.Fprintln(w, "wrote", filepath.Join(folder, name))
	}
	return nil
}
