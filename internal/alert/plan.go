package alert

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/numeral"
)

// State is all that a plan looks at.
type State struct {
	Now      time.Time
	Channels []Channel
	// Alerts are those of which somebody may still have to be told.
	Alerts []Alert
	// Log is what was told of them.
	Log []Told
	// Sent is by the names of channels.
	Sent map[string]Sent
}

// Decision is what is to be done.
type Decision struct {
	// Send are the messages that are due, each to be sent once by its key, and
	// those of a channel in their order.
	Send []Notification
	// Log is what they tell.
	Log []Told
	// Finished are alerts of which nobody has to be told any more.
	Finished []string
	// Next is when something may be due that is not due now, without any
	// change; the zero time where nothing is.
	Next time.Time
}

// Notification is a message to a channel.
type Notification struct {
	Channel string
	// Key is the same for as long as it is the same message, however often it is
	// sent.
	Key     string
	Message Message
}

// item is one thing that a channel is to be told.
type item struct {
	alert Alert
	what  What
	n     int
	// at is when it may be told, without regard to company, storms and rates.
	at     time.Time
	thread string // "" for what begins one
	low    bool
}

// Plan says which messages are due. It reads no clock and has no memory: the
// same state gives the same decision.
func Plan(s State) Decision {
	var d Decision
	alerts := slices.Clone(s.Alerts)
	slices.SortStableFunc(alerts, func(a, b Alert) int { return cmp.Or(a.Noted.Compare(b.Noted), cmp.Compare(a.ID, b.ID)) })
	channels := slices.Clone(s.Channels)
	slices.SortFunc(channels, func(a, b Channel) int { return cmp.Compare(a.Name, b.Name) })
	unfinished := map[string]bool{}
	for _, c := range channels {
		p := &channelPlan{State: s, channel: c, sent: s.Sent[c.Name], log: map[string][]Told{}}
		for _, t := range s.Log {
			if t.Channel == c.Name {
				p.log[t.AlertID] = append(p.log[t.AlertID], t)
			}
		}
		for _, a := range alerts {
			if p.look(a) {
				unfinished[a.ID] = true
			}
		}
		p.decide(&d)
	}
	for _, a := range alerts {
		if !a.Open() && !unfinished[a.ID] {
			d.Finished = append(d.Finished, a.ID)
		}
	}
	return d
}

// channelPlan is the plan of one channel.
type channelPlan struct {
	State
	channel Channel
	sent    Sent
	log     map[string][]Told // by alert
	items   []item
	next    time.Time
	open    map[string]int // alerts that are open, by thread
}

// wait notes that something may be due at t.
func (p *channelPlan) wait(t time.Time) {
	if t.After(p.Now) && (p.next.IsZero() || t.Before(p.next)) {
		p.next = t
	}
}

// look finds what the channel is to be told of an alert, and reports whether it
// may have to be told of it later.
func (p *channelPlan) look(a Alert) (unfinished bool) {
	c := p.channel
	if !c.Wants(a) || a.Noted.Before(c.Since) {
		return false
	}
	var opened, ended, maybe bool // maybe it knows of it, by a try that we think has failed
	var reminders int
	var last time.Time
	var thread string
	for _, t := range p.log[a.ID] {
		if t.Turn != a.Turn {
			continue
		}
		switch t.What {
		case TellOpened:
			opened, thread = true, t.Thread
		case TellReminder:
			reminders = max(reminders, t.N)
		case TellClosed, TellRetracted:
			ended = true
		case TellWithheld:
			maybe = true
			if thread == "" {
				thread = t.Thread
			}
		}
		if t.At.After(last) {
			last = t.At
		}
	}
	if a.Kind == Certificate && a.Open() {
		return p.certificate(a, opened, thread)
	}
	switch {
	case ended, a.Kind == Certificate && !opened && !maybe:
		return false
	case !opened && maybe && !a.Open(): // whoever may know that it began is told that it is over
		return p.ending(a, thread)
	case !opened:
		return p.opening(a)
	case !a.Open():
		return p.ending(a, thread)
	}
	p.reminder(a, thread, reminders, last)
	return true
}

// opening is for an alert of which the channel knows nothing.
func (p *channelPlan) opening(a Alert) (unfinished bool) {
	c := p.channel
	due := a.Noted.Add(c.After.Of())
	over := !a.Open()
	switch {
	case over && (a.Hushed != "" || a.Hush != ""), // nobody was to be told while it lasted
		over && a.Retracted,
		over && !a.ClosedNoted.IsZero() && c.After > 0 && !a.ClosedNoted.After(due): // it did not last
		return false
	case a.Hush != "":
		p.wait(p.Now.Add(hushAgain))
		return true
	}
	if t := p.coolsUntil(a); t.After(due) {
		due = t
	}
	i, held := p.quiet(item{alert: a, what: TellOpened, at: due})
	p.add(i, held)
	if over && c.Sends(Recovery) {
		i.what = TellClosed
		p.add(i, held)
	}
	return true
}

// hushAgain is how often it is asked whether somebody may be told now.
const hushAgain = 15 * time.Second

// ending is for an alert that is over, and of which the channel knows that it
// began.
func (p *channelPlan) ending(a Alert, thread string) (unfinished bool) {
	if !p.channel.Sends(Recovery) && !a.Retracted {
		return false
	}
	what := TellClosed
	if a.Retracted {
		what = TellRetracted
	}
	at := a.ClosedNoted
	if at.IsZero() {
		at = p.Now
	}
	i, held := p.quiet(item{alert: a, what: what, at: at, thread: thread})
	p.add(i, held)
	return true
}

// reminder is for an alert that lasts.
func (p *channelPlan) reminder(a Alert, thread string, reminders int, last time.Time) {
	every, most := p.channel.remind(a.Rule)
	if every <= 0 || most > 0 && reminders >= most {
		return
	}
	if a.Hush != "" {
		p.wait(p.Now.Add(hushAgain))
		return
	}
	i, held := p.quiet(item{alert: a, what: TellReminder, n: reminders + 1, at: last.Add(every), thread: thread})
	p.add(i, held)
}

// certificate is for one that ends soon: the threshold that was passed last is
// told, once, and those before it are none any more.
func (p *channelPlan) certificate(a Alert, opened bool, thread string) (unfinished bool) {
	left := certificateDays(a.Facts.Ends, p.Now)
	reached, found := 0, false
	for _, days := range p.channel.thresholds() {
		if left <= days {
			reached, found = days, true
			break
		}
	}
	if !found || a.Hush != "" {
		p.wait(p.Now.Add(time.Hour))
		return true
	}
	for _, t := range p.log[a.ID] {
		if t.What != TellClosed && t.What != TellWithheld && t.N <= reached {
			p.wait(p.Now.Add(time.Hour))
			return true
		}
	}
	what := TellOpened
	if opened {
		what = TellReminder
	}
	i, held := p.quiet(item{alert: a, what: what, n: reached, at: a.Noted, thread: thread})
	p.add(i, held)
	p.wait(p.Now.Add(time.Hour))
	return true
}

// coolsUntil is when another begin of the same check may be told.
func (p *channelPlan) coolsUntil(a Alert) time.Time {
	var until time.Time
	if p.channel.Cooldown <= 0 || a.CheckID == "" {
		return until
	}
	for _, t := range p.Log {
		if t.Channel == p.channel.Name && t.CheckID == a.CheckID && t.What == TellOpened {
			until = later(until, t.At.Add(p.channel.Cooldown.Of()))
		}
	}
	return until
}

// quiet holds back or lowers what is not urgent in quiet hours.
func (p *channelPlan) quiet(i item) (_ item, held bool) {
	end, quiet := p.channel.Quiet.ends(p.Now)
	if !quiet || i.alert.Rule.Urgent {
		return i, false
	}
	if p.channel.Quiet.Do == QuietLower {
		i.low = true
		return i, false
	}
	p.wait(end)
	return i, true
}

func (p *channelPlan) add(i item, held bool) {
	switch {
	case held:
	case i.at.After(p.Now):
		p.wait(i.at)
	default:
		p.items = append(p.items, i)
	}
}

// decide makes messages of what is due, or says until when it waits.
func (p *channelPlan) decide(d *Decision) {
	defer func() {
		if !p.next.IsZero() && (d.Next.IsZero() || p.next.Before(d.Next)) {
			d.Next = p.next
		}
	}()
	if len(p.items) == 0 || p.sent.Busy {
		return
	}
	first := p.items[0].at
	for _, i := range p.items {
		if i.at.Before(first) {
			first = i.at
		}
	}
	due := first.Add(p.channel.group())
	storm := false
	if over, every := p.channel.storm(); p.sent.Items+len(p.items) > over {
		storm = true
		if n := len(p.sent.At); n > 0 {
			due = later(due, p.sent.At[n-1].Add(every))
		}
	}
	withheld := ""
	if storm && due.After(first.Add(p.channel.group())) {
		withheld = "more happened than is told one by one; messages are gathered"
	}
	if r := p.channel.Rate; r != nil {
		recent := p.sent.At
		for len(recent) > 0 && !recent[0].Add(r.Per.Of()).After(p.Now) {
			recent = recent[1:]
		}
		if len(recent) >= r.Max {
			due = later(due, recent[len(recent)-r.Max].Add(r.Per.Of()))
		}
		if n := len(p.sent.At); n >= r.Max && p.sent.At[n-r.Max].Add(r.Per.Of()).After(first.Add(p.channel.group())) {
			withheld = fmt.Sprintf("at most %s %s sent within %s; what happened meanwhile is gathered here", numeral.Of(r.Max, "message"), numeral.Pick(r.Max, "is", "are"), r.Per)
		}
	}
	if due.After(p.Now) {
		p.wait(due)
		return
	}
	p.send(d, storm, withheld)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// alone is the greatest number of begins that get a thread each.
const alone = 3

// send makes the messages of the items: one, or for PagerDuty, which knows
// incidents and no lists, one for each thread.
func (p *channelPlan) send(d *Decision, storm bool, withheld string) {
	p.threads(storm)
	key := p.key(p.items)
	batches := [][]item{p.items}
	if p.channel.PagerDuty != nil {
		batches = byThread(p.items)
	}
	for _, items := range batches {
		thread := items[0].thread
		for _, i := range items {
			if i.thread != thread {
				thread = threadOf(key)
			}
		}
		n := Notification{Channel: p.channel.Name, Key: p.key(items)}
		n.Message = p.message(items, n.Key, thread, withheld)
		d.Send = append(d.Send, n)
		for _, i := range items {
			d.Log = append(d.Log, Told{
				Channel: p.channel.Name, AlertID: i.alert.ID, CheckID: i.alert.CheckID, Turn: i.alert.Turn, What: i.what, N: i.n, Thread: i.thread, At: p.Now,
			})
		}
	}
}

// threads gives a thread to every item that begins one: its own, or where many
// begin at a time one for all, which is that of the storm that goes on.
func (p *channelPlan) threads(storm bool) {
	begins, many := 0, ""
	p.open = map[string]int{}
	for _, a := range p.Alerts {
		for _, t := range p.log[a.ID] {
			if t.What == TellOpened && t.Turn == a.Turn && !p.ended(a) {
				if p.open[t.Thread]++; strings.HasPrefix(t.Thread, manyPrefix) {
					many = max(many, t.Thread)
				}
			}
		}
	}
	for _, i := range p.items {
		if i.what == TellOpened {
			begins++
		}
	}
	if many == "" {
		many = threadOf(p.key(p.items))
	}
	own := map[string]string{}
	for n := range p.items {
		i := &p.items[n]
		switch {
		case i.thread != "":
		case i.what == TellOpened && (begins > alone || storm):
			i.thread = many
		case i.what == TellOpened:
			i.thread = fmt.Sprintf("%s/%d", i.alert.ID, i.alert.Turn)
		default:
			i.thread = own[i.alert.ID] // it is told with its begin
		}
		own[i.alert.ID] = i.thread
		switch i.what {
		case TellOpened:
			p.open[i.thread]++
		case TellClosed, TellRetracted:
			p.open[i.thread]--
		}
	}
}

// ended reports whether the channel was told that the alert is over.
func (p *channelPlan) ended(a Alert) bool {
	return slices.ContainsFunc(p.log[a.ID], func(t Told) bool {
		return t.Turn == a.Turn && (t.What == TellClosed || t.What == TellRetracted)
	})
}

const manyPrefix = "many/"

func threadOf(key string) string { return manyPrefix + key }

func byThread(items []item) [][]item {
	var batches [][]item
	at := map[string]int{}
	for _, i := range items {
		n, there := at[i.thread]
		if !there {
			n = len(batches)
			at[i.thread] = n
			batches = append(batches, nil)
		}
		batches[n] = append(batches[n], i)
	}
	return batches
}

// key names what is told, and to whom: whoever plans the same again finds that
// it was planned.
func (p *channelPlan) key(items []item) string {
	h := sha256.New()
	fmt.Fprintln(h, p.channel.Name)
	for _, i := range items {
		fmt.Fprintln(h, i.alert.ID, i.alert.Turn, i.what, i.n)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
