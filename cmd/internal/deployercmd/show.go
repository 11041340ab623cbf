package deployercmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/promotion"
)

func moment(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return promotion.Short(s)
}

// cells are what goes into a row or a line: commits and commands are other
// people's, and may not steer a terminal or break a table.
func cells(words ...string) []any {
	list := make([]any, len(words))
	for i, w := range words {
		list[i] = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, w)
	}
	return list
}

func row(w io.Writer, words ...string) {
	form := strings.TrimSuffix(strings.Repeat("%s\t", len(words)), "\t") + "\n"
	fmt.Fprintf(w, form, cells(words...)...)
}

func planTable(w io.Writer, plans []promotion.Plan) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTAGE\tRUNNING\tDO\tCOMMIT\tOPENS\tWHY")
	for _, p := range plans {
		for _, s := range p.Stages {
			row(t, p.Service, s.Stage, orDash(s.Running), string(s.Do), orDash(s.Commit), moment(s.OpensAt), s.Reason)
		}
	}
	return t.Flush()
}

// sentence says what is decided about a stage.
func sentence(w io.Writer, service string, s promotion.StagePlan) error {
	running := "nothing runs"
	if s.Running != "" {
		running = promotion.Short(s.Running) + " runs"
		if s.Since != nil {
			running += " since " + moment(s.Since)
		}
	}
	words := fmt.Sprintf("%s in %s of %s; ", running, s.Stage, service)
	switch s.Do {
	case promotion.Nothing:
		words += s.Reason
	case promotion.Hold:
		words += fmt.Sprintf("%s waits: %s", orWaits(s.Commit), s.Reason)
		if s.OpensAt != nil {
			words += "; it may go on at " + moment(s.OpensAt)
		}
	case promotion.Promote:
		words += fmt.Sprintf("%s goes there: %s", promotion.Short(s.Commit), s.Reason)
	case promotion.RollBack:
		words += fmt.Sprintf("it goes back to %s: %s", promotion.Short(s.Commit), s.Reason)
	case promotion.Continue, promotion.Busy:
		words += s.Reason
	}
	_, err := fmt.Fprintln(w, cells(words)...)
	return err
}

func orWaits(commit string) string {
	if commit == "" {
		return "it"
	}
	return promotion.Short(commit)
}

func why(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	d.tables()
	args, err := d.open(2, 2)
	if err != nil {
		return err
	}
	s, one, err := d.one(ctx, args)
	if err != nil {
		return err
	}
	made, _ := one.Plan(ctx)
	for _, stage := range made.Stages {
		if stage.Stage != args[1] {
			continue
		}
		if d.form == "json" {
			return writeJSON(p.Stdout, stage)
		}
		if err := sentence(p.Stdout, s.Name, stage); err != nil {
			return err
		}
		return gateTable(p.Stdout, stage.Verdicts)
	}
	return nil
}

func gateTable(w io.Writer, verdicts []promotion.Verdict) error {
	if len(verdicts) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nGATE\tANSWER\tOPENS\tWHY")
	for _, v := range verdicts {
		answer := string(v.Answer)
		if v.Overridden != "" {
			answer += ", overridden"
		}
		row(t, string(v.Gate), answer, moment(v.OpensAt), v.Reason)
		if v.Overridden != "" {
			row(t, "", "", "", "  overridden by "+v.Overridden)
		}
		for _, line := range v.Evidence {
			row(t, "", "", "", "  "+line)
		}
	}
	return t.Flush()
}

// standing is what `status` says of a stage.
type standing struct {
	Service string            `json:"service"`
	Stage   string            `json:"stage"`
	Running string            `json:"running,omitempty"`
	Subject string            `json:"subject,omitempty"`
	Since   *time.Time        `json:"since,omitempty"`
	Flight  *promotion.Entry  `json:"flight,omitempty"`
	Hold    *promotion.Entry  `json:"hold,omitempty"`
	Gaps    []promotion.Gap   `json:"gaps,omitempty"`
	Alarms  []promotion.Alarm `json:"alarms,omitempty"`
}

func status(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	d.tables()
	args, err := d.open(0, 1)
	if err != nil {
		return err
	}
	services, err := d.chosen(strings.Join(args, ""))
	if err != nil {
		return err
	}
	list := []standing{}
	for _, s := range services {
		one, err := d.deployer(ctx, s, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		made, o := one.Plan(ctx)
		for _, stage := range made.Stages {
			list = append(list, stands(s.Name, stage, o))
		}
	}
	if d.form == "json" {
		return writeJSON(p.Stdout, list)
	}
	t := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SERVICE\tSTAGE\tRUNNING\tSINCE\tSUBJECT\tSTATE")
	for _, s := range list {
		row(t, s.Service, s.Stage, orDash(s.Running), moment(s.Since), s.Subject, s.state())
	}
	return t.Flush()
}

func stands(service string, s promotion.StagePlan, o promotion.Observations) standing {
	h := promotion.HistoryOf(o.Entries, s.Stage, o.Now)
	out := standing{Service: service, Stage: s.Stage, Running: s.Running, Since: s.Since, Flight: h.Flight, Hold: h.Hold}
	for _, c := range o.Commits {
		if c.ID == s.Running && s.Running != "" {
			out.Subject = c.Subject
		}
	}
	for _, a := range o.Alarms {
		if a.Stage == s.Stage && a.State == promotion.Firing {
			out.Alarms = append(out.Alarms, a)
		}
	}
	for _, g := range o.Gaps {
		if g.Stage == "" || g.Stage == s.Stage {
			out.Gaps = append(out.Gaps, g)
		}
	}
	slices.SortFunc(out.Alarms, func(a, b promotion.Alarm) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Gaps, func(a, b promotion.Gap) int { return strings.Compare(a.Why, b.Why) })
	return out
}

// state is the most important thing about a stage.
func (s standing) state() string {
	var words []string
	if s.Flight != nil {
		what := "deploying "
		if s.Flight.Rollback {
			what = "rolling back to "
		}
		words = append(words, what+promotion.Short(s.Flight.Commit))
	}
	for _, a := range s.Alarms {
		words = append(words, a.Name+" fires")
	}
	if s.Hold != nil {
		words = append(words, fmt.Sprintf("held by %s: %s", s.Hold.Actor, s.Hold.Reason))
	}
	for _, g := range s.Gaps {
		words = append(words, "not known: "+g.Why)
	}
	if len(words) == 0 {
		return "steady"
	}
	return strings.Join(words, "; ")
}

func history(ctx context.Context, p daemon.Process, c verb) error {
	d := newDesk(p, c)
	d.tables()
	limit := 50
	d.flags.IntVar(&limit, "limit", limit, "at most so many; 0 for all")
	args, err := d.open(1, 2)
	if err != nil {
		return err
	}
	s, err := d.service(args[0])
	if err != nil {
		return err
	}
	if len(args) == 2 {
		if err := stage(s, args[1]); err != nil {
			return err
		}
	}
	repo := d.repo(s)
	if err := repo.Fetch(ctx); err != nil {
		return err
	}
	entries, _, err := repo.Entries(ctx)
	if err != nil {
		return err
	}
	list := []promotion.Entry{}
	for _, e := range slices.Backward(entries) {
		if (len(args) < 2 || e.Stage == args[1]) && (limit <= 0 || len(list) < limit) {
			list = append(list, e)
		}
	}
	if d.form == "json" {
		return writeJSON(p.Stdout, list)
	}
	t := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tSTAGE\tWHAT\tCOMMIT\tBY\tWHY")
	for _, e := range list {
		row(t, moment(&e.At), e.Stage, what(e), orDash(e.Commit), e.Actor, e.Reason)
	}
	return t.Flush()
}

func what(e promotion.Entry) string {
	deploy := "deploy"
	if e.Rollback {
		deploy = "rollback"
	}
	switch e.Kind {
	case promotion.EntryBegin:
		return deploy + " begun"
	case promotion.EntryEnd:
		return deploy + " " + string(e.Outcome)
	case promotion.EntryOverride:
		return "override of " + string(e.Gate) + " until " + moment(&e.Expires)
	}
	return string(e.Kind)
}
