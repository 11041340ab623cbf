package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/console/pages"
)

// pageSubscribers lists the subscribers of a page, writes them with their
// addresses, or removes one.
func pageSubscribers(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet page subscribers", "SLUG", "lists those who are told of a status page, with masked addresses; -o csv exports all of them with theirs, which is written down in the audit log", p)
	var c consoleClient
	var output, state, remove string
	c.flags(f)
	outputFlag(f, &output, "table", "json", "csv")
	f.StringVar(&state, "state", "", "only those: pending, confirmed, failing or dropped")
	f.StringVar(&remove, "rm", "", "remove the subscriber of this id, and forget the address")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if remove != "" {
		if err := c.call(ctx, time.Minute, http.MethodDelete, "/api/v1/subscribers/"+url.PathEscape(remove), nil, nil); err != nil {
			return err
		}
		fmt.Fprintln(p.Stdout, "removed", remove)
		return nil
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("name one page by its slug, as page list shows it")}
	}
	at := "/api/v1/pages/" + url.PathEscape(f.Arg(0)) + "/subscribers"
	var found console.Subscribers
	if output == "csv" {
		if err := c.call(ctx, time.Minute, http.MethodPost, at+"/export", nil, &found); err != nil {
			return err
		}
		return pages.WriteSubscribers(csv.NewWriter(p.Stdout), found.Subscribers)
	}
	if err := c.call(ctx, time.Minute, http.MethodGet, at+"?limit=1000&"+url.Values{"state": {state}}.Encode(), nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, output, found, func() error {
		n := found.Counts
		fmt.Fprintf(p.Stdout, "%d confirmed (%d of them failing), %d pending, %d dropped\n", n.Confirmed, n.Failing, n.Pending, n.Dropped)
		return table(p.Stdout, "ID\tADDRESS\tSTATE\tTOLD OF\tSINCE", func(t io.Writer) error {
			for _, s := range found.Subscribers {
				of, word := "everything", s.State
				if !s.Whole {
					of = plainLine(strings.Join(append(append([]string{}, s.Groups...), s.Checks...), ","), 60)
				}
				if s.FailingSince != nil && s.State == "confirmed" {
					word = "failing"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.ID, plainLine(s.Address, 60), word, of, s.CreatedAt.UTC().Format(time.RFC3339))
			}
			return nil
		})
	})
}

// pageDeliveries lists what the subscribers of a page were sent.
func pageDeliveries(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet page deliveries", "SLUG", "lists what the subscribers of a status page were sent, the newest first", p)
	var c consoleClient
	var output, state string
	c.flags(f)
	outputFlag(f, &output, "table", "json")
	f.StringVar(&state, "state", "", "only those: waiting, sent, given_up or void")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("name one page by its slug, as page list shows it")}
	}
	var found console.SubscriptionDeliveries
	if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/pages/"+url.PathEscape(f.Arg(0))+"/deliveries?"+url.Values{"state": {state}}.Encode(), nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, output, found, func() error {
		return table(p.Stdout, "MADE\tBY\tABOUT\tSTATE\tTRIES\tERROR", func(t io.Writer) error {
			for _, d := range found.Deliveries {
				about := strings.TrimSpace(d.What + " " + d.About)
				if d.Job != "events" {
					about = d.Job
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", d.CreatedAt.UTC().Format(time.RFC3339), d.Kind, plainLine(about, 60), d.State, d.Tries, plainLine(d.Error, 80))
			}
			return nil
		})
	})
}
