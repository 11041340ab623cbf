package alert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/numeral"
)

// Message is what a channel is told, before it has the shape of any service.
// Its JSON is what webhooks get; see docs/alerts.md. Names and messages in it
// may be what strangers wrote: who gives it a shape escapes them.
type Message struct {
	Version int `json:"version"`
	// Key is the same whenever the same message is sent again, Thread for
	// messages of the same thing.
	Key     string    `json:"key"`
	Thread  string    `json:"thread"`
	Channel string    `json:"channel"`
	At      time.Time `json:"at"`
	Title   string    `json:"title"`
	// Open counts what is still wrong in the thread.
	Open  int    `json:"open"`
	Items []Item `json:"items"`
	// Withheld says why it was kept back for a while, "" where it was not.
	Withheld string `json:"withheld,omitempty"`
	// Low asks for no noise, Test says that nothing is wrong at all.
	Low  bool `json:"low,omitempty"`
	Test bool `json:"test,omitempty"`
}

// Item is one thing that a message tells.
type Item struct {
	What What `json:"what"`
	// N is the number of a reminder, and of a certificate the threshold in days.
	N       int       `json:"n,omitempty"`
	AlertID string    `json:"alert"`
	Kind    Kind      `json:"kind"`
	CheckID string    `json:"check,omitempty"`
	Name    string    `json:"name"`
	Group   string    `json:"group,omitempty"`
	Tags    []string  `json:"tags,omitempty"`
	Line    string    `json:"line"`
	Opened  time.Time `json:"opened"`
	Closed  time.Time `json:"closed,omitzero"`
	Facts
	// URL leads to more, "" where there is nothing to lead to.
	URL string `json:"url,omitempty"`
}

// MessageVersion is the version of the JSON of messages. Fields are added
// without another one.
const MessageVersion = 1

// message puts items into words.
func (p *channelPlan) message(items []item, key, thread, withheld string) Message {
	m := Message{
		Version: MessageVersion, Key: key, Thread: thread, Channel: p.channel.Name, At: p.Now, Withheld: withheld,
		Open: p.open[thread], Low: true,
	}
	for _, i := range items {
		m.Items = append(m.Items, newItem(i))
		m.Low = m.Low && i.low
		if i.thread != thread { // several threads in one message
			m.Open = max(m.Open, p.open[i.thread])
		}
	}
	m.Title = title(m.Items)
	return m
}

func newItem(i item) Item {
	a := i.alert
	it := Item{
		What: i.what, N: i.n, AlertID: a.ID, Kind: a.Kind, CheckID: a.CheckID, Name: a.subject(), Group: a.Group, Tags: a.Tags,
		Line: a.Line(), Opened: a.Opened, Facts: a.Facts,
	}
	switch i.what {
	case TellClosed:
		it.Closed, it.Line = a.Closed, a.overLine()
	case TellRetracted:
		it.Closed, it.Line = a.Closed, fmt.Sprintf("%s: it never was, as later results show", a.Line())
	case TellReminder:
		it.Line = fmt.Sprintf("%s, still", a.Line())
	}
	if a.Kind == Certificate && i.what != TellClosed {
		it.Line = fmt.Sprintf("the certificate of %s ends within %s, at %s", a.subject(), numeral.Of(i.n, "day"), a.Facts.Ends.UTC().Format("2 Jan 2006 15:04 MST"))
	}
	return it
}

// overLine says that the alert is over, and how long it lasted.
func (a Alert) overLine() string {
	lasted := a.Closed.Sub(a.Opened).Round(time.Second)
	switch a.Kind {
	case Outage:
		return fmt.Sprintf("%s is up again after %s", a.subject(), lasted)
	case Certificate:
		return fmt.Sprintf("%s has another certificate", a.subject())
	}
	return fmt.Sprintf("%s: over after %s", a.Line(), lasted)
}

// title says what happened in few words.
func title(items []Item) string {
	if len(items) == 1 {
		return items[0].Line
	}
	counts := map[What]int{}
	var begun []string
	for _, i := range items {
		counts[i.What]++
		if i.What == TellOpened && !slices.Contains(begun, i.Name) {
			begun = append(begun, i.Name)
		}
	}
	var parts []string
	for _, w := range []struct {
		what  What
		words string
	}{{TellOpened, "new"}, {TellReminder, "still open"}, {TellClosed, "over"}, {TellRetracted, "taken back"}} {
		if n := counts[w.what]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, w.words))
		}
	}
	t := strings.Join(parts, ", ")
	if len(begun) > 0 {
		t += ": " + strings.Join(begun[:min(3, len(begun))], ", ")
		if len(begun) > 3 {
			t += ", …"
		}
	}
	return t
}

// TestMessage is what a channel is sent to see whether it arrives.
func TestMessage(channel, key string, now time.Time) Message {
	return Message{
		Version: MessageVersion, Key: key, Thread: "test/" + key, Channel: channel, At: now, Test: true,
		Title: "this is a test of channel " + channel + ": nothing is wrong",
		Items: []Item{{
			What: TellOpened, AlertID: "test/" + key, Kind: Outage, Name: "test", Line: "a test message; nothing is wrong", Opened: now,
		}},
	}
}
