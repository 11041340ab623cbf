package pipelinefile

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/promotion"
)

// at is where a path is written; where it is absent, what it would be in.
func (d *decoder) at(path string) int {
	for {
		if at, ok := d.places[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return d.places[""]
		}
		path = path[:cut]
	}
}

// wrong is a fault at a path.
func (d *decoder) wrong(path, format string, args ...any) {
	d.fault(d.at(path), "%s: %s", path, fmt.Sprintf(format, args...))
}

var (
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	envForm  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	refForm  = regexp.MustCompile(`^refs(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$`)
	wordForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._/-]*$`)
)

func (d *decoder) name(path, name string, taken map[string]bool) {
	switch {
	case name == "":
		d.wrong(path, "is missing; give it a name")
	case !nameForm.MatchString(name):
		d.wrong(path, "%q is not a name; use lower-case letters, digits and '-', at most 63", name)
	case taken[name]:
		d.wrong(path, "there are two called %q; names are unique", name)
	}
	taken[name] = true
}

// address checks an http(s) URL in which no password is written.
func (d *decoder) address(path, text string) {
	u, err := url.Parse(strings.NewReplacer("{commit}", "c", "{stage}", "s", "{service}", "s").Replace(text))
	switch {
	case text == "":
		d.wrong(path, "is missing; write https://…")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		d.wrong(path, "is not an address; write https://…")
	case u.User != nil:
		d.wrong(path, "holds a user or a password; name an environment variable by token_env instead")
	}
}

func (d *decoder) env(path, name string) {
	if name != "" && !envForm.MatchString(name) {
		d.wrong(path, "%q is not the name of an environment variable; write the name, never the token itself", name)
	}
}

func (d *decoder) check(f *File) {
	if f.Console != nil {
		d.address("console.url", f.Console.URL)
		d.env("console.token_env", f.Console.TokenEnv)
		if f.Console.TokenEnv == "" {
			f.Console.TokenEnv = "PROBEFLEET_CONSOLE_TOKEN"
		}
	}
	if len(f.Services) == 0 {
		d.wrong("services", "is empty; describe at least one service")
	}
	taken := map[string]bool{}
	for i := range f.Services {
		path := fmt.Sprintf("services[%d]", i)
		d.name(path+".name", f.Services[i].Name, taken)
		d.service(path, f, &f.Services[i])
	}
}

func (d *decoder) service(path string, f *File, s *Service) {
	d.git(path+".git", s)
	if s.Image != nil {
		switch i := s.Image; {
		case (i.Name == "") == (len(i.Command) == 0):
			d.wrong(path+".image", "write either name, with {commit} in it, or command")
		case i.Name != "" && !strings.Contains(i.Name, "{commit}"):
			d.wrong(path+".image.name", "%q is the same for every commit; write {commit} where the commit belongs", i.Name)
		}
	}
	if s.CI != nil {
		d.ci(path+".ci", s.CI)
	}
	if len(s.Stages) == 0 {
		d.wrong(path+".stages", "is empty; describe at least one stage")
	}
	d.alarms(path+".alarms", f, s.Alarms, map[string]bool{})
	taken := map[string]bool{}
	for i := range s.Stages {
		at := fmt.Sprintf("%s.stages[%d]", path, i)
		d.name(at+".name", s.Stages[i].Name, taken)
		d.stage(at, f, s, &s.Stages[i])
	}
}

func (d *decoder) git(path string, s *Service) {
	g := &s.Git
	if g.Repository == "" {
		d.wrong(path+".repository", "is missing; name the folder of a clone")
	}
	if g.Branch == "" {
		g.Branch = "main"
	}
	if g.Ledger == "" {
		g.Ledger = "refs/deployer/" + s.Name
	}
	if g.Candidates == 0 {
		g.Candidates = 5
	}
	if !wordForm.MatchString(g.Branch) || strings.Contains(g.Branch, "..") {
		d.wrong(path+".branch", "%q is not the name of a branch", g.Branch)
	}
	if g.Remote != "" && !wordForm.MatchString(g.Remote) {
		d.wrong(path+".remote", "%q is not the name of a remote; `git remote` lists them", g.Remote)
	}
	if !refForm.MatchString(g.Ledger) || strings.Contains(g.Ledger, "..") {
		d.wrong(path+".ledger", "%q is not a ref; write refs/deployer/%s", g.Ledger, s.Name)
	}
	if g.Candidates < 1 || g.Candidates > 50 {
		d.wrong(path+".candidates", "%d; use 1 to 50", g.Candidates)
	}
}

func (d *decoder) ci(path string, c *CI) {
	if (len(c.Command) == 0) == (c.URL == "") {
		d.wrong(path, "write either command or url")
		return
	}
	if c.URL == "" {
		return
	}
	d.address(path+".url", c.URL)
	d.env(path+".token_env", c.TokenEnv)
	if !strings.Contains(c.URL, "{commit}") {
		d.wrong(path+".url", "is the same for every commit; write {commit} where the commit belongs")
	}
	if c.Field == "" {
		c.Field = "state"
	}
	if len(c.Passed)+len(c.Pending)+len(c.Failed) == 0 {
		c.Passed, c.Pending, c.Failed = []string{"success"}, []string{"pending"}, []string{"failure", "error"}
	}
	if len(c.Passed) == 0 {
		d.wrong(path+".passed", "is empty; nothing would ever pass")
	}
}

func (d *decoder) stage(path string, f *File, service *Service, s *Stage) {
	if s.Timeout == 0 {
		s.Timeout = Duration(30 * time.Minute)
	}
	d.driver(path+".driver", service, &s.Driver)
	taken := map[string]bool{}
	for _, a := range service.Alarms {
		taken[a.Name] = true
	}
	d.alarms(path+".alarms", f, s.Alarms, taken)
	if s.Gates.CI && service.CI == nil {
		d.wrong(path+".gates.ci", "the service says nothing of its builds; describe them by ci")
	}
	if s.Gates.Approvals < 0 {
		d.wrong(path+".gates.approvals", "%d; write how many people have to approve", s.Gates.Approvals)
	}
	if i := s.Gates.Incidents; i != nil {
		d.console(path+".gates.incidents", f)
		if len(i.Impacts) == 0 {
			i.Impacts = []string{"outage", "degraded"}
		}
		d.among(path+".gates.incidents.impacts", i.Impacts, "outage", "degraded", "maintenance", "none")
	}
	if s.Gates.Shadow != nil {
		d.shadow(path+".gates.shadow", f, s.Gates.Shadow)
	}
	if s.Bake != nil {
		d.bake(path+".bake", f, s.Bake)
	}
	if _, err := s.hours(); err != nil {
		d.wrong(path+".gates.hours", "%s", err)
	}
	for i, freeze := range s.Gates.Freezes {
		if _, err := freeze.period(); err != nil {
			d.wrong(fmt.Sprintf("%s.gates.freezes[%d]", path, i), "%s", err)
		}
	}
}

func (d *decoder) console(path string, f *File) {
	if f.Console == nil {
		d.wrong(path, "asks the fleet's console; describe it by console at the top")
	}
}

func (d *decoder) among(path string, list []string, known ...string) {
	for i, word := range list {
		if !slices.Contains(known, word) {
			d.wrong(fmt.Sprintf("%s[%d]", path, i), "%q is not known; use %s", word, strings.Join(known, ", "))
		}
	}
}

func (d *decoder) bake(path string, f *File, b *Bake) {
	if b.For == 0 {
		d.wrong(path+".for", "is missing; say for how long, such as 30m")
	}
	if b.GiveUp == 0 {
		b.GiveUp = Duration(max(3*time.Duration(b.For), time.Hour))
	}
	if b.GiveUp < b.For {
		d.wrong(path+".give_up", "is shorter than the bake; no commit would ever complete it")
	}
	if len(b.Checks) > 0 {
		d.console(path+".checks", f)
	} else if b.Runs != 0 || b.Locations != 0 || b.MaxFailed != 0 {
		d.wrong(path, "runs, locations and max_failed count runs of checks; name their tags by checks")
	}
	if b.Runs < 0 || b.Locations < 0 {
		d.wrong(path, "runs and locations are not negative")
	}
	if b.MaxFailed < 0 || b.MaxFailed >= 1 {
		d.wrong(path+".max_failed", "%g; write a share from 0 up to 1, such as 0.01", b.MaxFailed)
	}
}

func (d *decoder) alarms(path string, f *File, list []Alarm, taken map[string]bool) {
	for i := range list {
		a, at := &list[i], fmt.Sprintf("%s[%d]", path, i)
		d.name(at+".name", a.Name, taken)
		sources := 0
		if p := a.Prometheus; p != nil {
			sources++
			d.address(at+".prometheus.url", p.URL)
			d.env(at+".prometheus.token_env", p.TokenEnv)
			if p.Query == "" {
				d.wrong(at+".prometheus.query", "is missing")
			}
			if p.OK.Op == "" {
				d.wrong(at+".prometheus.ok", "is missing; say what is quiet, such as \">= 0.99\"")
			}
		}
		if m := a.Alertmanager; m != nil {
			sources++
			d.address(at+".alertmanager.url", m.URL)
			d.env(at+".alertmanager.token_env", m.TokenEnv)
			if len(m.Match) == 0 {
				d.wrong(at+".alertmanager.match", "is missing; write matchers, such as [\"service=shop\"]")
			}
			if len(m.Watchdog) == 0 {
				d.wrong(at+".alertmanager.watchdog", "is missing; name an alert that always fires, such as [\"alertname=Watchdog\"]: without one silence could mean that nothing is watched")
			}
		}
		if c := a.CloudWatch; c != nil {
			sources++
			if c.Region == "" || c.Alarm == "" {
				d.wrong(at+".cloudwatch", "write region and alarm")
			}
		}
		if l := a.Fleet; l != nil {
			sources++
			d.console(at+".fleet", f)
			if len(l.Tags) == 0 {
				d.wrong(at+".fleet.tags", "is missing; name the tags of the checks")
			}
			if len(l.States) == 0 {
				l.States = []string{"outage"}
			}
			d.among(at+".fleet.states", l.States, "outage", "degraded")
		}
		if sources != 1 {
			d.wrong(at, "write exactly one of prometheus, alertmanager, cloudwatch and fleet")
		}
	}
}

func (d *decoder) driver(path string, service *Service, v *Driver) {
	named := 0
	if e := v.Exec; e != nil {
		named++
		for what, command := range map[string][]string{"running": e.Running, "deploy": e.Deploy, "ready": e.Ready} {
			if len(command) == 0 || command[0] == "" {
				d.wrong(path+".exec."+what, "is missing; write the command as a list, such as [\"./deploy\", \"{commit}\"]")
			}
		}
	}
	if v.Docker != nil {
		named++
		d.docker(path+".docker", v.Docker)
	}
	if g := v.ASG; g != nil {
		named++
		if g.Region == "" || g.Group == "" {
			d.wrong(path+".asg", "write region and group")
		}
		if len(g.TemplateVersion) == 0 {
			d.wrong(path+".asg.template_version", "is missing; write the command that prints the version of the launch template for {commit}")
		}
	}
	if e := v.ECS; e != nil {
		named++
		if e.Region == "" || e.Cluster == "" || e.Service == "" || e.Container == "" {
			d.wrong(path+".ecs", "write region, cluster, service and container")
		}
	}
	if named != 1 {
		d.wrong(path, "write exactly one of exec, docker, asg and ecs")
	}
	if (v.Docker != nil || v.ECS != nil) && service.Image == nil {
		d.wrong(path, "this driver runs images; say by image of the service which one belongs to a commit")
	}
}

// docker checks containers of a host and fills in what is absent.
func (d *decoder) docker(path string, k *Docker) {
	if k.Count < 1 || k.Count > 100 {
		d.wrong(under(path, "count"), "%d; say how many containers, 1 to 100", k.Count)
	}
	if k.Socket == "" {
		k.Socket = "unix:///var/run/docker.sock"
	}
	if k.Ready == 0 {
		k.Ready = Duration(2 * time.Minute)
	}
	if k.Drain == 0 {
		k.Drain = Duration(2 * time.Minute)
	}
	for i, name := range k.EnvFrom {
		d.env(under(path, fmt.Sprintf("env_from[%d]", i)), name)
	}
}

// hours are the release hours of the stage, nil where there are none.
func (s Stage) hours() (*promotion.Hours, error) {
	if s.Gates.Hours == nil {
		return nil, nil //nolint:nilnil // no hours are no fault
	}
	zone, err := zoneOf(s.Gates.Hours.Zone)
	if err != nil {
		return nil, err
	}
	h := &promotion.Hours{Zone: zone}
	for _, text := range s.Gates.Hours.Open {
		w, err := promotion.ParseWindow(text)
		if err != nil {
			return nil, err
		}
		h.Open = append(h.Open, w)
	}
	if len(h.Open) == 0 {
		return nil, fmt.Errorf("open is empty; write when releases may start, such as \"Mon-Thu 09:00-16:00\"")
	}
	return h, nil
}

func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("zone is missing; write an IANA name, such as Europe/Berlin or UTC")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not a time zone; write an IANA name, such as Europe/Berlin or UTC", name)
	}
	return zone, nil
}

func (f Freeze) period() (promotion.Freeze, error) {
	zone, err := zoneOf(f.Zone)
	if err != nil {
		return promotion.Freeze{}, err
	}
	p := promotion.Freeze{Reason: f.Reason}
	if p.From, err = momentIn(f.From, zone); err != nil {
		return p, err
	}
	if p.To, err = momentIn(f.To, zone); err != nil {
		return p, err
	}
	switch {
	case !p.To.After(p.From):
		return p, fmt.Errorf("it ends before it begins; to is the first day after it")
	case f.Reason == "":
		return p, fmt.Errorf("reason is missing; it is what people read who have to wait")
	}
	return p, nil
}

func momentIn(text string, zone *time.Location) (time.Time, error) {
	for _, form := range []string{"2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a day or a time; write 2026-12-20 or 2026-12-20 18:00", text)
}

// Policy is what the file says of a service, in the terms of decisions.
func (s Service) Policy() promotion.Service {
	p := promotion.Service{Name: s.Name}
	for _, stage := range s.Stages {
		hours, _ := stage.hours() // was checked by Parse
		out := promotion.Stage{
			Name: stage.Name, Timeout: time.Duration(stage.Timeout),
			Gates: promotion.Gates{Hours: hours, CI: stage.Gates.CI, Approvals: stage.Gates.Approvals, Shadow: stage.Gates.Shadow.policy()},
		}
		for _, f := range stage.Gates.Freezes {
			period, _ := f.period() // likewise
			out.Gates.Freezes = append(out.Gates.Freezes, period)
		}
		if i := stage.Gates.Incidents; i != nil {
			out.Gates.Incidents = &promotion.IncidentGate{Impacts: i.Impacts}
		}
		if b := stage.Bake; b != nil {
			out.Bake = &promotion.Bake{
				For: time.Duration(b.For), Tags: b.Checks, Runs: b.Runs, Locations: b.Locations,
				MaxFailed: b.MaxFailed, GiveUp: time.Duration(b.GiveUp),
			}
		}
		for _, a := range slices.Concat(s.Alarms, stage.Alarms) {
			out.Alarms = append(out.Alarms, a.Name)
		}
		p.Stages = append(p.Stages, out)
	}
	return p
}
