package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

// heartbeatAddress gives a heartbeat its address, or lists what it was told.
func heartbeatAddress(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet heartbeat", "CHECK", "makes the address that the job of a heartbeat calls and prints it, once; the one before is void from then on", p)
	var c consoleClient
	var output string
	var calls bool
	c.flags(f)
	outputFlag(f, &output, "text", "json")
	f.BoolVar(&calls, "calls", false, "list the newest calls in place of that")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("name one check, of kind heartbeat, by its id")}
	}
	path := "/api/v1/checks/" + url.PathEscape(f.Arg(0))
	if calls {
		return c.calls(ctx, p, path, output)
	}
	var made console.PingAddress
	if err := c.call(ctx, time.Minute, http.MethodPost, path+"/ping-address", nil, &made); err != nil {
		return err
	}
	address := strings.TrimSuffix(c.url, "/") + made.Path
	return printAs(p.Stdout, output, map[string]string{"check": made.Check, "url": address}, func() error {
		fmt.Fprintf(p.Stderr, "the job of %s calls this when it has ended; with /start before, with /fail or its exit code behind: /3. It is not shown again:\n", made.Check)
		_, err := fmt.Fprintln(p.Stdout, address)
		return err
	})
}

// calls lists what a heartbeat was told.
func (c consoleClient) calls(ctx context.Context, p daemon.Process, path, output string) error {
	var found console.Pings
	if err := c.call(ctx, time.Minute, http.MethodGet, path+"/pings", nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, output, found, func() error {
		return table(p.Stdout, "AT\tSIGNAL\tEXIT CODE\tFROM\tSAID", func(t io.Writer) error {
			for _, x := range found.Pings {
				fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", x.At.UTC().Format(time.RFC3339), x.Signal, x.ExitCode, plainLine(x.Address, 40), plainLine(x.Body, 60))
			}
			return nil
		})
	})
}
