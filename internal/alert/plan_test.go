package alert

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday

func at(d time.Duration) time.Time { return start.Add(d) }

// book keeps what a store keeps, in memory.
type book struct {
	channels []Channel
	alerts   map[string]*Alert
	log      []Told
	sent     []Notification
	at       []time.Time
	busy     bool
}

func newBook(channels ...Channel) *book {
	return &book{channels: channels, alerts: map[string]*Alert{}}
}

func (b *book) open(id string, now time.Time, change ...func(*Alert)) {
	a := &Alert{ID: id, Kind: Outage, CheckID: "check-" + id, Name: "Check " + id, Turn: 1, Opened: now, Noted: now}
	for _, c := range change {
		c(a)
	}
	b.alerts[id] = a
}

func (b *book) close(id string, now time.Time) {
	a := b.alerts[id]
	a.Closed, a.ClosedNoted = now, now
}

// plan does what a store does with a plan.
func (b *book) plan(now time.Time) Decision {
	s := State{Now: now, Channels: b.channels, Log: b.log, Sent: map[string]Sent{}}
	for _, a := range b.alerts {
		s.Alerts = append(s.Alerts, *a)
	}
	for _, c := range b.channels {
		sent := Sent{Busy: b.busy}
		for i, n := range b.sent {
			if n.Channel == c.Name {
				sent.At = append(sent.At, b.at[i])
				if b.at[i].After(now.Add(-StormTime)) {
					sent.Items += len(n.Message.Items)
				}
			}
		}
		s.Sent[c.Name] = sent
	}
	d := Plan(s)
	b.log = append(b.log, d.Log...)
	for _, n := range d.Send {
		b.sent, b.at = append(b.sent, n), append(b.at, now)
	}
	for _, a := range s.Alerts {
		b.alerts[a.ID].Hushed = a.Hush
	}
	for _, id := range d.Finished {
		delete(b.alerts, id)
	}
	return d
}

// until plans every second up to a time, as a recorder does at least.
func (b *book) until(from, to time.Time) {
	for t := from; !t.After(to); t = t.Add(time.Second) {
		b.plan(t)
	}
}

// said is what was sent, a line a message.
func (b *book) said() string {
	var lines []string
	for i, n := range b.sent {
		var items []string
		for _, it := range n.Message.Items {
			s := string(it.What) + " " + it.AlertID
			if it.N > 0 {
				s += fmt.Sprintf(" %d", it.N)
			}
			items = append(items, s)
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", b.at[i].Sub(start), n.Channel, strings.Join(items, ", ")))
	}
	return strings.Join(lines, "\n")
}

func expectSaid(t *testing.T, b *book, want ...string) {
	t.Helper()
	if got := b.said(); got != strings.Join(want, "\n") {
		t.Errorf("told:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func webhook(name string, change ...func(*Channel)) Channel {
	c := Channel{Name: name, Webhook: &Webhook{URL: "https://hooks.example/"}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func TestAnOutageIsToldOnceAndItsEndOnce(t *testing.T) {
	b := newBook(webhook("ops"))
	b.open("a", at(0))
	b.until(at(0), at(time.Minute))
	b.close("a", at(time.Minute))
	b.until(at(time.Minute), at(time.Hour))
	expectSaid(t, b, "10s ops: opened a", "1m10s ops: closed a")
	if len(b.alerts) != 0 {
		t.Errorf("%d alerts are not finished", len(b.alerts))
	}
	if b.sent[0].Message.Thread != b.sent[1].Message.Thread {
		t.Errorf("begin and end are of two threads: %q and %q", b.sent[0].Message.Thread, b.sent[1].Message.Thread)
	}
}

func TestWhoIsTold(t *testing.T) {
	channels := []Channel{
		webhook("all"), webhook("shop", func(c *Channel) { c.Tags = []string{"shop"} }),
		webhook("named", func(c *Channel) { c.NamedOnly = true }),
		webhook("ends", func(c *Channel) { c.Send = []Kind{Degraded} }),
		webhook("later", func(c *Channel) { c.Since = at(time.Hour) }),
	}
	for name, c := range map[string]struct {
		change func(*Alert)
		want   string
	}{
		"no tag":        {func(*Alert) {}, "all"},
		"a tag":         {func(a *Alert) { a.Tags = []string{"shop"} }, "all shop"},
		"named":         {func(a *Alert) { a.Rule.Channels = []string{"named"}; a.Tags = []string{"shop"} }, "named"},
		"degraded":      {func(a *Alert) { a.Kind = Degraded }, "ends"},
		"muted":         {func(a *Alert) { a.Hush = "muted" }, ""},
		"of no check":   {func(a *Alert) { a.Kind, a.CheckID = Location, "" }, "all"},
		"named unknown": {func(a *Alert) { a.Rule.Channels = []string{"gone"} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(channels...)
			b.open("a", at(0), c.change)
			b.until(at(0), at(20*time.Second))
			var told []string
			for _, n := range b.sent {
				told = append(told, n.Channel)
			}
			if got := strings.Join(told, " "); got != c.want {
				t.Errorf("told %q, want %q", got, c.want)
			}
		})
	}
}

// What nobody was told of while it lasted is not told when it is over; what was
// only kept back is told, begin and end.
func TestHushAndHold(t *testing.T) {
	b := newBook(webhook("ops"))
	b.open("hushed", at(0), func(a *Alert) { a.Hush = "depends on db" })
	b.until(at(0), at(time.Minute))
	b.alerts["hushed"].Hush = ""
	b.close("hushed", at(time.Minute))
	b.until(at(time.Minute), at(2*time.Minute))
	expectSaid(t, b)

	b.open("again", at(3*time.Minute), func(a *Alert) { a.Hush = "in maintenance" })
	b.until(at(3*time.Minute), at(4*time.Minute))
	b.alerts["again"].Hush = "" // the window is over, and it fails still
	b.until(at(4*time.Minute), at(5*time.Minute))
	expectSaid(t, b, "4m0s ops: opened again")

	short := newBook(webhook("ops"))
	short.open("short", at(0))
	short.close("short", at(5*time.Second))
	short.until(at(5*time.Second), at(time.Minute))
	expectSaid(t, short, "10s ops: opened short, closed short")
}

func TestEscalation(t *testing.T) {
	b := newBook(webhook("first"), webhook("second", func(c *Channel) { c.After = Span(15 * time.Minute) }))
	b.open("brief", at(0))
	b.open("long", at(0))
	b.until(at(0), at(5*time.Minute))
	b.close("brief", at(5*time.Minute))
	b.until(at(5*time.Minute), at(20*time.Minute))
	b.close("long", at(20*time.Minute))
	b.until(at(20*time.Minute), at(30*time.Minute))
	expectSaid(t, b, "10s first: opened brief, opened long", "5m10s first: closed brief", "15m10s second: opened long",
		"20m10s first: closed long", "20m10s second: closed long")
}

func TestReminders(t *testing.T) {
	b := newBook(webhook("ops", func(c *Channel) { c.Remind, c.Reminders = Span(10*time.Minute), 5 }))
	b.open("a", at(0), func(a *Alert) { a.Rule.Remind, a.Rule.Reminders = 5*time.Minute, 2 })
	b.until(at(0), at(time.Hour))
	expectSaid(t, b, "10s ops: opened a", "5m20s ops: reminder a 1", "10m30s ops: reminder a 2")
}

func TestQuietHours(t *testing.T) {
	berlin := &Quiet{From: "22:00", To: "07:00", Zone: "Europe/Berlin"}
	night := time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC).Sub(start) // 01:30 there; clocks go forward at 02:00
	b := newBook(webhook("held", func(c *Channel) { c.Quiet = berlin }),
		webhook("lowered", func(c *Channel) { q := *berlin; q.Do = QuietLower; c.Quiet = &q }))
	b.open("calm", at(night))
	b.open("fire", at(night), func(a *Alert) { a.Rule.Urgent = true })
	d := b.plan(at(night + 10*time.Second))
	if want := time.Date(2026, 3, 29, 5, 0, 0, 0, time.UTC); !d.Next.Equal(want) { // 07:00 there
		t.Errorf("looks again at %s, want %s", d.Next, want)
	}
	b.plan(time.Date(2026, 3, 29, 4, 59, 59, 0, time.UTC))
	b.plan(time.Date(2026, 3, 29, 5, 0, 0, 0, time.UTC))
	var got []string
	for _, n := range b.sent {
		for _, it := range n.Message.Items {
			got = append(got, fmt.Sprintf("%s %s low=%t", n.Channel, it.AlertID, n.Message.Low))
		}
	}
	// A message with something urgent in it is not low.
	want := []string{"held fire low=false", "lowered calm low=false", "lowered fire low=false", "held calm low=false"}
	if !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	days := &Quiet{From: "00:00", To: "23:59", Days: []string{"sat", "sun"}}
	if _, quiet := days.ends(start); quiet {
		t.Error("Monday is quiet, though only the weekend is")
	}
}

func TestCertificatesAreToldOnceAThreshold(t *testing.T) {
	b := newBook(webhook("ops", func(c *Channel) { c.Expiry = []int{14, 7, 1} }))
	b.open("cert", at(0), func(a *Alert) { a.Kind, a.Facts.Ends = Certificate, at(15*24*time.Hour) })
	for h := range 24 * 16 {
		b.plan(at(time.Duration(h)*time.Hour + time.Minute))
	}
	b.close("cert", at(16*24*time.Hour))
	b.until(at(16*24*time.Hour), at(16*24*time.Hour+time.Minute))
	var got []string
	for _, n := range b.sent {
		got = append(got, fmt.Sprintf("%s %d", n.Message.Items[0].What, n.Message.Items[0].N))
	}
	if want := []string{"opened 14", "reminder 7", "reminder 1", "closed 0"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// A channel that says nothing of certificates is told from thirty days on, rounded
// down, and not before; a renewed one ends it.
func TestACertificateIsToldThirtyDaysBefore(t *testing.T) {
	b := newBook(webhook("ops"))
	const day = 24 * time.Hour
	b.open("cert", at(0), func(a *Alert) { a.Kind, a.Facts.Ends = Certificate, at(32*day) })
	for h := range 25 { // until thirty-one days are left
		b.plan(at(time.Duration(h) * time.Hour))
	}
	if len(b.sent) != 0 {
		t.Fatalf("told %d times with thirty-one days left or more: %+v", len(b.sent), b.sent[0].Message.Items)
	}
	for h := 24; h < 24*31; h++ {
		b.plan(at(time.Duration(h)*time.Hour + time.Minute))
	}
	b.close("cert", at(31*day))
	b.until(at(31*day), at(31*day+time.Minute))
	var got []string
	for _, n := range b.sent {
		got = append(got, fmt.Sprintf("%s %d", n.Message.Items[0].What, n.Message.Items[0].N))
	}
	if want := []string{"opened 30", "reminder 14", "reminder 7", "reminder 3", "reminder 1", "closed 0"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

func TestCooldown(t *testing.T) {
	b := newBook(webhook("ops", func(c *Channel) { c.Cooldown = Span(10 * time.Minute) }))
	same := func(a *Alert) { a.CheckID = "shop" }
	b.open("one", at(0), same)
	b.until(at(0), at(time.Minute))
	b.close("one", at(time.Minute))
	b.until(at(time.Minute), at(2*time.Minute))
	b.open("two", at(2*time.Minute), same)
	b.until(at(2*time.Minute), at(20*time.Minute))
	expectSaid(t, b, "10s ops: opened one", "1m10s ops: closed one", "10m20s ops: opened two")
}

func TestRateHoldsBackAndDropsNothing(t *testing.T) {
	b := newBook(webhook("ops", func(c *Channel) { c.Rate = &Rate{Max: 2, Per: Span(10 * time.Minute)} }))
	for i := range 8 {
		now := at(time.Duration(i) * time.Minute)
		b.open(fmt.Sprint(i), now)
		b.until(now, now.Add(time.Minute-time.Second))
	}
	b.until(at(8*time.Minute), at(30*time.Minute))
	expectSaid(t, b, "10s ops: opened 0", "1m10s ops: opened 1",
		"10m10s ops: opened 2, opened 3, opened 4, opened 5, opened 6, opened 7")
	if w := b.sent[2].Message.Withheld; !strings.Contains(w, "at most 2 messages") {
		t.Errorf("the message says %q of why it was kept back", w)
	}
}

// A thousand checks fail within a minute, a hundred of them come and go until
// damping takes them, and all recover: a channel gets at most five messages, and
// every begin and every end is in one of them, once and in order.
func TestStorm(t *testing.T) {
	for name, c := range map[string]Channel{
		"webhook":   webhook("ops"),
		"pagerduty": {Name: "ops", PagerDuty: &PagerDuty{Key: "{{ secrets.pd }}"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook(c)
			var happened []string
			for s := range 30 * 60 {
				now := at(time.Duration(s) * time.Second)
				for i := range 1000 {
					down, up := i%60, 480+i%60 // each check has its own second
					flaps := i < 100
					switch {
					case s == down || flaps && s == down+120:
						b.open(fmt.Sprintf("%d-%d", i, s), now)
						happened = append(happened, fmt.Sprintf("opened %d-%d", i, s))
					case flaps && s == down+60, s == up:
						id := fmt.Sprintf("%d-%d", i, down)
						if flaps && s == up {
							id = fmt.Sprintf("%d-%d", i, down+120)
						}
						b.close(id, now)
						happened = append(happened, "closed "+id)
					}
				}
				if s%10 == 0 {
					b.plan(now)
				}
			}
			if len(b.sent) > 5 || len(b.sent) == 0 {
				t.Errorf("%d messages: %v", len(b.sent), b.at)
			}
			var told []string
			place := map[string]int{}
			for _, n := range b.sent {
				for _, it := range n.Message.Items {
					line := string(it.What) + " " + it.AlertID
					place[line] = len(told)
					told = append(told, line)
				}
			}
			for _, line := range happened {
				if id, ended := strings.CutPrefix(line, "closed "); ended && place[line] < place["opened "+id] {
					t.Fatalf("the end of %s is told before its begin", id)
				}
			}
			slices.Sort(told)
			slices.Sort(happened)
			if !slices.Equal(told, happened) {
				t.Errorf("%d things were told, %d happened", len(told), len(happened))
			}
			last := b.sent[len(b.sent)-1].Message
			if last.Open != 0 || len(b.alerts) != 0 {
				t.Errorf("at last %d are open in the thread, %d alerts are not finished", last.Open, len(b.alerts))
			}
			t.Logf("%d messages at %v tell %d things", len(b.sent), b.at, len(told))
		})
	}
}

// While a message is not delivered, what follows waits, and then comes together.
func TestABusyChannelGathers(t *testing.T) {
	b := newBook(webhook("ops"))
	b.open("a", at(0))
	b.until(at(0), at(10*time.Second))
	b.busy = true
	b.close("a", at(time.Minute))
	b.open("b", at(2*time.Minute))
	b.until(at(11*time.Second), at(time.Hour))
	b.busy = false
	b.plan(at(time.Hour))
	expectSaid(t, b, "10s ops: opened a", "1h0m0s ops: closed a, opened b")
}

func TestKeysNameWhatIsTold(t *testing.T) {
	key := func(change func(*Alert)) string {
		b := newBook(webhook("ops"))
		b.open("a", at(0), change)
		b.until(at(0), at(time.Minute))
		return b.sent[0].Key
	}
	if a, b := key(func(*Alert) {}), key(func(*Alert) {}); a != b {
		t.Errorf("the same message has two keys: %s, %s", a, b)
	}
	if a, b := key(func(*Alert) {}), key(func(a *Alert) { a.Turn = 2 }); a == b {
		t.Error("two messages have one key")
	}
}
