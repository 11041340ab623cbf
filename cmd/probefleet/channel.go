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
	"time"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/checkfile"
	"github.com/probefleet/probefleet/internal/console"
)

func channelCommands() []command {
	return []command{
		{"list", "list those who are told", channelList, nil},
		{"test", "send a test message on the way that alerts take", channelTest, nil},
		{"rm", "take channels away", removal{
			name: "channel rm", args: "NAME...", about: "takes channels away; what they were not told yet is given up",
			path: "/api/v1/channels/", missing: "name channels, as channel list shows them", done: "removed",
		}.run, nil},
	}
}

func channelList(ctx context.Context, p daemon.Process) error {
	return listing(ctx, p, "channel list", "lists the channels of a console", "/api/v1/channels", "NAME\tTYPE\tTAGS\tOWNER\tCHANGED", func(t io.Writer, found console.Channels) error {
		for _, s := range found.Channels {
			ch, err := alert.Decode(s.Channel)
			if err != nil {
				return err
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, s.Type, plainLine(strings.Join(ch.Tags, ","), 40), s.Owner, s.UpdatedAt.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// followDelivery is the time between two looks at a message.
const followDelivery = 300 * time.Millisecond

func channelTest(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet channel test", "NAME", "sends a test message to a channel, on the way that alerts take, and says whether it arrived; exits 0 where it did", p)
	var c consoleClient
	c.flags(f)
	wait := f.Duration("wait", 2*time.Minute, "how long to wait for the recorder to send it")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	if f.NArg() != 1 {
		return &daemon.UsageError{Err: errors.New("name one channel, as channel list shows it")}
	}
	var asked console.ChannelTest
	if err := c.call(ctx, time.Minute, http.MethodPost, "/api/v1/channels/"+url.PathEscape(f.Arg(0))+"/test", nil, &asked); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *wait)
	defer cancel()
	tick := time.NewTicker(followDelivery)
	defer tick.Stop()
	for {
		var d console.Delivery
		if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/deliveries/"+asked.Delivery, nil, &d); err != nil && ctx.Err() == nil {
			return err
		}
		switch alert.Fate(d.State) {
		case alert.Done:
			_, err := fmt.Fprintf(p.Stdout, "sent to %s\n", f.Arg(0))
			return err
		case alert.GivenUp:
			return fmt.Errorf("the test message did not arrive: %s", plainLine(d.Error, 1000))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("nobody has sent the test message within %s: is a recorder running?", *wait)
		}
	}
}

// wantedChannels writes channels as the API takes them.
func wantedChannels(channels []alert.Channel, owner string, takeOver bool) (console.WantedChannels, error) {
	w := console.WantedChannels{Channels: []json.RawMessage{}, Owner: owner, TakeOver: takeOver}
	for _, c := range channels {
		data, err := c.Encode()
		if err != nil {
			return w, fmt.Errorf("encoding channel %q: %w", c.Name, err)
		}
		w.Channels = append(w.Channels, data)
	}
	return w, nil
}

// channelsOf writes the channels of a set, or all of them, as the head of a check
// file.
func (c consoleClient) channelsOf(ctx context.Context, owner string) ([]byte, error) {
	var found console.Channels
	if err := c.call(ctx, time.Minute, http.MethodGet, "/api/v1/channels", nil, &found); err != nil {
		return nil, err
	}
	var channels []alert.Channel
	for _, s := range found.Channels {
		if owner != "" && s.Owner != owner {
			continue
		}
		ch, err := alert.Decode(s.Channel)
		if err != nil {
			return nil, fmt.Errorf("reading a channel of the console: %w (is this program older than the console?)", err)
		}
		channels = append(channels, ch)
	}
	return checkfile.WriteChannels(channels)
}
