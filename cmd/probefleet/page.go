package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/statuspage"
)

func pageCommands() []command {
	return []command{
		{"list", "list the status pages of a console", pageList, nil},
		{"password", "make the hash of a password that readers need", pagePassword, nil},
		{"rm", "take status pages away", removal{
			name: "page rm", args: "SLUG...", about: "takes status pages away; where none is left every public check is shown at / again",
			path: "/api/v1/pages/", missing: "name pages by their slugs, as page list shows them", done: "removed",
		}.run, nil},
		{"subscribers", "list, export or remove those who are told of a page", pageSubscribers, nil},
		{"deliveries", "list what the subscribers of a page were sent", pageDeliveries, nil},
	}
}

func pageList(ctx context.Context, p daemon.Process) error {
	return listing(ctx, p, "page list", "lists the status pages of a console", "/api/v1/pages", "SLUG\tTITLE\tHOSTS\tPROTECTED\tOWNER\tCHANGED", func(t io.Writer, found console.Pages) error {
		for _, s := range found.Pages {
			page, err := statuspage.Decode(s.Page)
			if err != nil {
				return err
			}
			protected := "no"
			if s.Protected {
				protected = "yes"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Slug, plainLine(page.Title, 40), plainLine(strings.Join(page.Hosts, ","), 60), protected, s.Owner, s.UpdatedAt.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// maxPasswordLine bounds what is read of standard input.
const maxPasswordLine = 4096

func pagePassword(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet page password", "", "reads a password from the first line of standard input and prints its argon2id hash, for `password:` of a status page", p)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	fmt.Fprint(p.Stderr, "Password for the readers of the page: ")
	line, err := bufio.NewReader(io.LimitReader(p.Stdin, maxPasswordLine)).ReadString('\n')
	fmt.Fprintln(p.Stderr)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the password: %w", err)
	}
	password := strings.TrimRight(line, "\r\n")
	if err := people.CheckPassword(password, "\x00"); err != nil { // it belongs to nobody
		return err
	}
	hash, err := people.NewHasher(people.DefaultParams).Hash(ctx, password)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.Stdout, hash)
	return err
}

// wantedPages writes pages as the API takes them.
func wantedPages(pages []statuspage.Page, owner string, takeOver bool) (console.WantedPages, error) {
	w := console.WantedPages{Pages: []json.RawMessage{}, Owner: owner, TakeOver: takeOver}
	for _, p := range pages {
		data, err := p.Encode()
		if err != nil {
			return w, err
		}
		w.Pages = append(w.Pages, data)
	}
	return w, nil
}

// pagesOf writes the status pages of a set, or all of them, as the head of a
// check file.
func (c consoleClient) pagesOf(ctx context.Context, owner string) ([]byte, error) {
	var found console.Pages
	if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/pages", nil, &found); err != nil {
		return nil, err
	}
	var pages []statuspage.Page
	for _, s := range found.Pages {
		if owner != "" && s.Owner != owner {
			continue
		}
		p, err := statuspage.Decode(s.Page)
		if err != nil || s.Newer {
			return nil, fmt.Errorf("reading a status page of the console: it is of a newer release; use that one's program")
		}
		pages = append(pages, p)
	}
	return checkfile.WritePages(pages)
}
