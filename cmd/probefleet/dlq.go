package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/numeral"
)

// dlqPatience is how long a request about dead letters may take: the console
// looks through whole queues for it.
const dlqPatience = 5 * time.Minute

// dlqFlags are what every command about dead letters can be told.
type dlqFlags struct {
	*daemon.Flags
	console consoleClient
	queue   string
	output  string
}

func newDLQFlags(p daemon.Process, name, args, usage string) *dlqFlags {
	f := &dlqFlags{Flags: daemon.NewFlags("probefleet dlq "+name, args, usage, p)}
	f.console.flags(f.Flags)
	f.StringVar(&f.queue, "queue", "", "only this dead-letter queue, or "+console.RowQueue+" for results that the database refused")
	outputFlag(f.Flags, &f.output, "table", "json")
	return f
}

// print writes v as JSON where that is wished, else by table.
func (f *dlqFlags) print(w io.Writer, v any, table func()) error {
	if f.output != "json" {
		table()
		return nil
	}
	return writeJSON(w, v)
}

func dlqList(ctx context.Context, p daemon.Process) error {
	f := newDLQFlags(p, "list", "", "lists dead letters, the newest first; to look takes nothing away")
	limit := f.Int("limit", console.DefaultLetters, fmt.Sprintf("at most so many, up to %d", console.MaxLetters))
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	q := url.Values{"limit": {fmt.Sprint(*limit)}}
	if f.queue != "" {
		q.Set("queue", f.queue)
	}
	var found console.DeadLetters
	if err := f.console.call(ctx, dlqPatience, http.MethodGet, "/api/v1/dlq?"+q.Encode(), nil, &found); err != nil {
		return err
	}
	for _, warning := range found.Warnings {
		fmt.Fprintln(p.Stderr, "warning:", warning)
	}
	return f.print(p.Stdout, found, func() { printLetters(p.Stdout, found) })
}

func printLetters(w io.Writer, found console.DeadLetters) {
	if len(found.Letters) == 0 {
		fmt.Fprintln(w, "no dead letters")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tQUEUE\tSENT\tRECEIVES\tTYPE\tCHECK\tLOCATION\tREASON\tDETAIL")
	for _, l := range found.Letters {
		kind := l.Type
		if l.Version > 0 {
			kind = fmt.Sprintf("%s/%d", l.Type, l.Version)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", l.ID, l.Kind, l.Queue, l.SentAt.UTC().Format(time.RFC3339), l.Receives,
			orDash(plainLine(kind, 40)), orDash(plainLine(l.Check, 63)), orDash(plainLine(l.Location, 63)), plainLine(string(l.Reason), 30), orDash(plainLine(l.Detail, 100)))
	}
	_ = t.Flush() // to a terminal that is going away
	if found.More {
		fmt.Fprintln(w, "there are more; see -limit and -queue")
	}
}

// plainLine is s on one line and without what a terminal would obey, at most
// max characters: a dead letter may hold anything.
func plainLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most-1]) + "…"
	}
	return s
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func dlqShow(ctx context.Context, p daemon.Process) error {
	f := newDLQFlags(p, "show", "ID", "prints one dead letter with its body")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("name one dead letter by its id, as dlq list shows it")}
	}
	path := "/api/v1/dlq/" + url.PathEscape(f.Arg(0))
	if f.queue != "" {
		path += "?" + url.Values{"queue": {f.queue}}.Encode()
	}
	var l console.Letter
	if err := f.console.call(ctx, dlqPatience, http.MethodGet, path, nil, &l); err != nil {
		return err
	}
	return f.print(p.Stdout, l, func() { printLetter(p.Stdout, l) })
}

func printLetter(w io.Writer, l console.Letter) {
	readable := "no: update the console, or leave it to newer processes"
	if l.Readable {
		readable = "yes"
	}
	for _, row := range [][2]string{
		{"id", l.ID}, {"kind", l.Kind}, {"queue", l.Queue}, {"sent", l.SentAt.UTC().Format(time.RFC3339)},
		{"receives", fmt.Sprint(l.Receives)}, {"type", l.Type}, {"version", fmt.Sprint(l.Version)},
		{"check", l.Check}, {"location", l.Location}, {"reason", string(l.Reason)}, {"detail", l.Detail},
		{"worker", l.Worker}, {"readable", readable}, {"bytes", fmt.Sprint(l.Bytes)},
	} {
		if row[1] != "" && row[1] != "0" {
			fmt.Fprintf(w, "%-9s %s\n", row[0], plainLine(row[1], 4000))
		}
	}
	body := l.Body
	var object any
	if json.Unmarshal([]byte(body), &object) == nil {
		if lines, err := json.MarshalIndent(object, "", "  "); err == nil {
			body = string(lines)
		}
	}
	fmt.Fprintln(w)
	for line := range strings.Lines(body) {
		fmt.Fprintln(w, plainLine(strings.TrimRight(line, "\n"), 1<<20))
	}
}

// choose reads what a command that changes something should work on.
func (f *dlqFlags) choose(p daemon.Process, all *bool, ch *console.Chosen) error {
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	ch.IDs, ch.All, ch.Queue = f.Args(), *all, f.queue
	if ch.All == (len(ch.IDs) > 0) {
		return &daemon.UsageError{Err: errors.New("name dead letters by their ids, as dlq list shows them, or give -all")}
	}
	return nil
}

func dlqRedrive(ctx context.Context, p daemon.Process) error {
	f := newDLQFlags(p, "redrive", "(-all | ID...)", "sends dead letters back to the queues from which they came")
	all := f.Bool("all", false, "every dead letter, or every one of -queue")
	var ch console.Chosen
	f.IntVar(&ch.Rate, "rate", 100, fmt.Sprintf("messages a second, 1 to %d; 0 for as fast as the queue likes", console.MaxRate))
	if err := f.choose(p, all, &ch); err != nil {
		return err
	}
	var done console.Done
	if err := f.console.call(ctx, dlqPatience, http.MethodPost, "/api/v1/dlq/redrive", ch, &done); err != nil {
		return err
	}
	if err := f.follow(ctx, &done); err != nil {
		return err
	}
	err := f.print(p.Stdout, done, func() {
		for _, m := range done.Moves {
			fmt.Fprintf(p.Stdout, "%s: %d of %s went back%s\n", m.Queue, m.Moved, numeral.Of(m.ToMove, "message"), suffix(m.Failure))
		}
		if len(done.Moves) == 0 || done.Messages+done.Rows > 0 {
			fmt.Fprintf(p.Stdout, "%s and %s went back\n", numeral.Of(done.Messages, "message"), numeral.Of(done.Rows, "result row"))
		}
	})
	return errors.Join(err, undone(done))
}

func suffix(failure string) string {
	if failure == "" {
		return ""
	}
	return "; it ended early: " + failure
}

// follow waits until the redrives of whole queues are over.
func (f *dlqFlags) follow(ctx context.Context, done *console.Done) error {
	mine := map[string]int{}
	for i, m := range done.Moves {
		mine[m.Queue] = i
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for running := len(mine) > 0; running; {
		var now struct{ Moves []console.Move }
		if err := f.console.call(ctx, time.Minute, http.MethodGet, "/api/v1/dlq/moves", nil, &now); err != nil {
			return fmt.Errorf("the redrive goes on by itself, and could not be followed: %w", err)
		}
		running = false
		for _, m := range now.Moves {
			if i, ok := mine[m.Queue]; ok {
				done.Moves[i] = m
				running = running || m.Running
			}
		}
		if !running {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the redrive goes on by itself; see probefleet dlq list")
		}
	}
	return nil
}

func dlqDiscard(ctx context.Context, p daemon.Process) error {
	f := newDLQFlags(p, "discard", "(-all | ID...)", "deletes dead letters for good")
	all := f.Bool("all", false, "every dead letter, or every one of -queue")
	yes := f.Bool("yes", false, "really do it; without this it only says how many there are")
	var ch console.Chosen
	if err := f.choose(p, all, &ch); err != nil {
		return err
	}
	if !*yes {
		return f.sayWhatWouldGo(ctx, ch)
	}
	var total console.Done
	for more := true; more; {
		var done console.Done
		if err := f.console.call(ctx, dlqPatience, http.MethodPost, "/api/v1/dlq/discard", ch, &done); err != nil {
			return err
		}
		total.Messages, total.Rows = total.Messages+done.Messages, total.Rows+done.Rows
		total.Missing, total.Failed, total.More = done.Missing, done.Failed, done.More
		more = ch.All && done.More && done.Messages > 0 && len(done.Failed) == 0
	}
	err := f.print(p.Stdout, total, func() {
		fmt.Fprintf(p.Stdout, "%s and %s were deleted\n", numeral.Of(total.Messages, "message"), numeral.Of(total.Rows, "result row"))
	})
	return errors.Join(err, undone(total))
}

// sayWhatWouldGo counts instead of deleting.
func (f *dlqFlags) sayWhatWouldGo(ctx context.Context, ch console.Chosen) error {
	n := len(ch.IDs)
	if ch.All {
		var found console.DeadLetters
		if err := f.console.call(ctx, dlqPatience, http.MethodGet, "/api/v1/dlq?"+url.Values{"limit": {"1"}, "queue": {ch.Queue}}.Encode(), nil, &found); err != nil {
			return err
		}
		for _, q := range found.Queues {
			if ch.Queue == "" || q.Queue == ch.Queue {
				n += q.Messages
			}
		}
	}
	return &daemon.ExitError{Code: 2, Err: fmt.Errorf("%s would be deleted for good, and %s without a result; repeat with -yes to do it", numeral.Of(n, "dead letter"), numeral.Pick(n, "its slot stays", "their slots stay"))}
}

// undone is what of a change did not happen.
func undone(done console.Done) error {
	var faults []error
	for _, fault := range done.Failed {
		faults = append(faults, errors.New(fault))
	}
	if len(done.Missing) > 0 {
		faults = append(faults, fmt.Errorf("not found: %s (redriven or discarded before, or held by somebody who looks at them)", strings.Join(done.Missing, ", ")))
	}
	if done.More {
		faults = append(faults, errors.New("there are more than one request looks through; do it again"))
	}
	return errors.Join(faults...)
}
