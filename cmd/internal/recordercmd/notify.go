package recordercmd

import (
	"fmt"
	"log/slog"
	"slices"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/cmd/internal/sealed"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/notify"
)

// Notify is how the recorder reaches channels.
type Notify struct {
	Sealed       sealed.Files
	AllowPrivate bool
	Allow, Deny  string
	// ConsoleURL is where links in messages lead.
	ConsoleURL string
}

func (n *Notify) register(f *daemon.Flags) {
	n.Sealed.Register(f)
	f.BoolVar(&n.AllowPrivate, "allow-private", false, "let channels be at private and loopback addresses")
	f.StringVar(&n.Allow, "allow", "", "further addresses at which channels may be, as CIDR by commas")
	f.StringVar(&n.Deny, "deny", "", "addresses at which channels may not be whatever else is allowed, as CIDR by commas")
	f.StringVar(&n.ConsoleURL, "console-url", "", "address of the console as people reach it, for links in messages")
}

// open makes the notifier, and log with its secrets hidden.
func (n *Notify) open(log *slog.Logger) (*notify.Notifier, *slog.Logger, error) {
	allow, err := egress.ParsePrefixes(n.Allow)
	if err != nil {
		return nil, nil, fmt.Errorf("-allow: %w", err)
	}
	deny, err := egress.ParsePrefixes(n.Deny)
	if err != nil {
		return nil, nil, fmt.Errorf("-deny: %w", err)
	}
	if n.AllowPrivate {
		allow = append(allow, slices.Clone(egress.Private)...)
	}
	secrets, err := n.Sealed.Open()
	if err != nil {
		return nil, nil, err
	}
	return notify.New(notify.Options{
		Secret: secrets.Get, Control: egress.NewPolicy(allow, deny).Control, ConsoleURL: n.ConsoleURL,
	}), sealed.Hide(log, secrets), nil
}
