package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/console"
)

func maintenanceCommands() []command {
	return []command{
		{"list", "list what lasts and what is to come", maintenanceList, nil},
		{"add", "plan a window, once or recurring", maintenanceAdd, nil},
		{"rm", "call windows off", maintenanceRemove, nil},
	}
}

func maintenanceList(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "maintenance list", "", "lists the maintenance that was planned by hand; windows of check files are with their checks")
	all := f.Bool("all", false, "also what is over or was called off")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	var found console.Maintenances
	if err := f.console.call(ctx, time.Minute, http.MethodGet, fmt.Sprintf("/api/v1/maintenance?all=%v", *all), nil, &found); err != nil {
		return err
	}
	return printAs(p.Stdout, f.output, found, func() error {
		return table(p.Stdout, "ID\tNEXT FROM\tNEXT TO\tRECURS\tFOR\tPUBLIC\tTITLE", func(t io.Writer) error {
			for _, m := range found.Maintenance {
				from, to := "over", "over"
				switch {
				case m.CancelledAt != nil:
					from, to = "called off", m.CancelledAt.UTC().Format(time.RFC3339)
				case m.NextFrom != nil && m.NextTo != nil:
					from, to = m.NextFrom.UTC().Format(time.RFC3339), m.NextTo.UTC().Format(time.RFC3339)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%v\t%s\n", m.ID, from, to, orDash(strings.TrimSpace(m.Cron+" "+m.Zone)),
					plainLine(concerns(m.PlannedMaintenance), 80), *m.Public, plainLine(m.Title, 80))
			}
			return nil
		})
	})
}

// concerns says for what maintenance is planned.
func concerns(m console.PlannedMaintenance) string {
	parts := append([]string{}, m.Checks...)
	for _, t := range m.Tags {
		parts = append(parts, "tag "+t)
	}
	for _, g := range m.Groups {
		parts = append(parts, "group "+g)
	}
	return strings.Join(parts, ", ")
}

func maintenanceAdd(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "maintenance add", "TITLE", "plans maintenance: -from and -to for once, or -cron, -zone and -for where it recurs; what fails meanwhile does not count")
	var in console.PlannedMaintenance
	var checks, tags, groups listFlag
	var from, to string
	f.Var(&checks, "check", "a check that is concerned; may be repeated")
	f.Var(&tags, "tag", "the checks with this tag; may be repeated")
	f.Var(&groups, "group", "the checks of this group; may be repeated")
	f.StringVar(&from, "from", "", "its beginning, such as 2026-03-14T22:00:00Z or 2026-03-14T23:00:00+01:00")
	f.StringVar(&to, "to", "", "its end")
	f.StringVar(&in.Cron, "cron", "", "local times at which it begins: minute, hour, day of the month, month, day of the week")
	f.StringVar(&in.Zone, "zone", "", "time zone of -cron, such as Europe/Berlin; UTC where it is not given")
	f.StringVar(&in.For, "for", "", "how long it lasts each time, such as 90m")
	f.StringVar(&in.Why, "why", "", "what people read of it")
	private := f.Bool("private", false, "do not announce it on the status page")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if in.Title = strings.Join(f.Args(), " "); strings.TrimSpace(in.Title) == "" {
		return &daemon.UsageError{Err: errors.New("say in a few words what is done, such as: maintenance add -group Shop -from … -to … 'New database'")}
	}
	for _, t := range []struct {
		name, text string
		into       **time.Time
	}{{"from", from, &in.From}, {"to", to, &in.To}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return &daemon.UsageError{Err: fmt.Errorf("-%s %q: write a time such as 2026-03-14T22:00:00Z", t.name, t.text)}
		}
		*t.into = &at
	}
	public := !*private
	in.Checks, in.Tags, in.Groups, in.Public = checks, tags, groups, &public
	var m console.Maintenance
	if err := f.console.call(ctx, time.Minute, http.MethodPost, "/api/v1/maintenance", in, &m); err != nil {
		return err
	}
	return printAs(p.Stdout, f.output, m, func() error {
		next := ""
		if m.NextFrom != nil {
			next = ", next from " + m.NextFrom.UTC().Format(time.RFC3339)
		}
		_, err := fmt.Fprintf(p.Stdout, "planned %s%s\n", m.ID, next)
		return err
	})
}

func maintenanceRemove(ctx context.Context, p daemon.Process) error {
	f := newIncidentFlags(p, "maintenance rm", "ID...", "calls maintenance off, from now on")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	away := removal{path: "/api/v1/maintenance/", missing: "name maintenance by its ids, as maintenance list shows them", done: "called off"}
	return away.each(ctx, p, f.console, f.Args())
}
