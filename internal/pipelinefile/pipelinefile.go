// Package pipelinefile reads the deployer's file: services, their pipelines,
// gates and alarms, in JSON. It owns the form of that file and says of every
// fault where it is and what would be right. It refuses to decide anything
// (promotion) and to speak to anybody (the drivers, evidence).
package pipelinefile

import (
	"bytes"
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema of the file, for editors.
func Schema() []byte { return bytes.Clone(schema) }

// File is the deployer's file.
type File struct {
	Schema   string    `json:"$schema"`
	Console  *Console  `json:"console"`
	Services []Service `json:"services"`
}

// Console is where the fleet's checks are asked for. Its token needs to read
// only.
type Console struct {
	URL      string `json:"url"`
	TokenEnv string `json:"token_env"`
}

// Service is what is rolled forward.
type Service struct {
	Name   string  `json:"name"`
	Git    Git     `json:"git"`
	Image  *Image  `json:"image"`
	CI     *CI     `json:"ci"`
	Alarms []Alarm `json:"alarms"`
	Stages []Stage `json:"stages"`
}

// Git is where the commits are, and where the ledger is kept.
type Git struct {
	Repository string `json:"repository"`
	Remote     string `json:"remote"`
	Branch     string `json:"branch"`
	Ledger     string `json:"ledger"`
	Candidates int    `json:"candidates"`
}

// Image says what runs for a commit: a name with {commit} in it, or a command
// that prints it.
type Image struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
}

// CI says where the state of a build is: a command, or a page of JSON.
type CI struct {
	Command  []string `json:"command"`
	URL      string   `json:"url"`
	TokenEnv string   `json:"token_env"`
	Field    string   `json:"field"`
	Passed   []string `json:"passed"`
	Pending  []string `json:"pending"`
	Failed   []string `json:"failed"`
}

// Stage is one place that runs the service.
type Stage struct {
	Name    string   `json:"name"`
	Driver  Driver   `json:"driver"`
	Timeout Duration `json:"timeout"`
	Gates   Gates    `json:"gates"`
	Bake    *Bake    `json:"bake"`
	Alarms  []Alarm  `json:"alarms"`
}

// Gates are what a commit has to pass, beside those that every stage has.
type Gates struct {
	Hours     *Hours     `json:"hours"`
	Freezes   []Freeze   `json:"freezes"`
	Incidents *Incidents `json:"incidents"`
	CI        bool       `json:"ci"`
	Approvals int        `json:"approvals"`
	Shadow    *Shadow    `json:"shadow"`
}

// Shadow is what shadow runs of the commit's build have to show.
type Shadow struct {
	Build         string   `json:"build"`
	Location      string   `json:"location"`
	Since         Duration `json:"since"`
	Pairs         int      `json:"pairs"`
	Disagreements float64  `json:"disagreements"`
	Slower        float64  `json:"slower"`
}

// Hours are when people are there to watch.
type Hours struct {
	Zone string   `json:"zone"`
	Open []string `json:"open"`
}

// Freeze keeps everything out from a day, or a minute, up to another one.
type Freeze struct {
	Zone   string `json:"zone"`
	From   string `json:"from"`
	To     string `json:"to"`
	Reason string `json:"reason"`
}

// Incidents names the impacts that count.
type Incidents struct {
	Impacts []string `json:"impacts"`
}

// Bake is what a commit has to show in the stage before it goes on.
type Bake struct {
	For       Duration `json:"for"`
	Checks    []string `json:"checks"`
	Runs      int      `json:"runs"`
	Locations int      `json:"locations"`
	MaxFailed float64  `json:"max_failed"`
	GiveUp    Duration `json:"give_up"`
}

// Alarm is something that has to be quiet; exactly one of its sources is named.
type Alarm struct {
	Name         string        `json:"name"`
	Prometheus   *Prometheus   `json:"prometheus"`
	Alertmanager *Alertmanager `json:"alertmanager"`
	CloudWatch   *CloudWatch   `json:"cloudwatch"`
	Fleet        *Fleet        `json:"fleet"`
}

// Prometheus is quiet while every sample of a query is as OK wants it.
type Prometheus struct {
	URL      string `json:"url"`
	TokenEnv string `json:"token_env"`
	Query    string `json:"query"`
	OK       Bound  `json:"ok"`
}

// Alertmanager is quiet while no alert matches, and the watchdog does.
type Alertmanager struct {
	URL      string   `json:"url"`
	TokenEnv string   `json:"token_env"`
	Match    []string `json:"match"`
	Watchdog []string `json:"watchdog"`
}

// CloudWatch names an alarm of a region.
type CloudWatch struct {
	Region string `json:"region"`
	Alarm  string `json:"alarm"`
}

// Fleet is quiet while no check with all of these tags is in one of the states.
type Fleet struct {
	Tags   []string `json:"tags"`
	States []string `json:"states"`
}

// Duration is a time.Duration, written as 90s, 30m, 4h or 2d.
type Duration time.Duration

// UnmarshalText reads a duration that is not negative.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days+"|", "%d|", &n); err == nil && n >= 0 && n < 1000 {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("%q is not a duration; write 90s, 30m, 4h or 2d", s)
	}
	*d = Duration(v)
	return nil
}

// Bound is a number and how to compare with it, written as ">= 0.99".
type Bound struct {
	Op    string
	Value float64
}

var boundOps = []string{">=", "<=", "==", "!=", ">", "<"}

// UnmarshalText reads a comparison.
func (b *Bound) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	for _, op := range boundOps {
		rest, ok := strings.CutPrefix(s, op)
		if !ok {
			continue
		}
		if n, err := fmt.Sscanf(strings.TrimSpace(rest)+"|", "%g|", &b.Value); err == nil && n == 1 {
			b.Op = op
			return nil
		}
	}
	return fmt.Errorf("%q is not a comparison; write \">= 0.99\", with >=, <=, ==, !=, > or <", s)
}

// Holds reports whether v is as b wants it; what is no number never is.
func (b Bound) Holds(v float64) bool {
	switch b.Op {
	case ">=":
		return v >= b.Value
	case "<=":
		return v <= b.Value
	case "==":
		return v == b.Value
	case "!=":
		return v < b.Value || v > b.Value
	case ">":
		return v > b.Value
	case "<":
		return v < b.Value
	}
	return false
}

// Fault is one thing that is wrong in a file.
type Fault struct {
	File         string
	Line, Column int // from 1; columns count characters
	Message      string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message)
}

// Parse reads a file. With any fault there is no File.
func Parse(name string, data []byte) (*File, []Fault) {
	return parse(name, data, func(d *decoder, f *File) { d.check(f) })
}

// ParseInstance reads the file of one instance: the fields of the docker
// driver, for the containers of that host. With any fault there is no Docker.
func ParseInstance(name string, data []byte) (*Docker, []Fault) {
	return parse(name, data, func(d *decoder, k *Docker) { d.docker("", k) })
}

func parse[T any](name string, data []byte, check func(*decoder, *T)) (*T, []Fault) {
	d := &decoder{places: map[string]int{}}
	v, broken := read(data)
	if broken != nil {
		d.faults = append(d.faults, *broken)
		return nil, d.located(name, data)
	}
	f := new(T)
	d.into(v, reflect.ValueOf(f).Elem(), "")
	if len(d.faults) == 0 {
		check(d, f)
	}
	if len(d.faults) > 0 {
		return nil, d.located(name, data)
	}
	return f, nil
}

// located turns offsets into lines and columns, in the order of the file.
func (d *decoder) located(name string, data []byte) []Fault {
	slices.SortStableFunc(d.faults, func(a, b fault) int { return a.at - b.at })
	var list []Fault
	for _, f := range d.faults {
		before := data[:min(f.at, len(data))]
		line := bytes.Count(before, []byte("\n"))
		start := bytes.LastIndexByte(before, '\n') + 1
		list = append(list, Fault{name, line + 1, utf8.RuneCount(before[start:]) + 1, f.words})
	}
	return list
}
