// Package sealed holds the flags that name the secrets of a location, and opens
// them.
package sealed

import (
	"errors"
	"log/slog"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/secret"
)

// Files name the secrets and their key; with no Secrets there are none.
type Files struct{ Secrets, Key string }

// Register adds the flags.
func (s *Files) Register(f *daemon.Flags) {
	f.StringVar(&s.Secrets, "secrets", "", "file of secrets for {{ secrets.name }}, as `probefleet secret set` writes it; none where empty")
	f.StringVar(&s.Key, "secrets-key", "", "file of the age key that opens -secrets")
	f.Check(func() error {
		if s.Secrets != "" && s.Key == "" {
			return errors.New("-secrets without -secrets-key: name the file of the key that opens them")
		}
		return nil
	})
}

// Open reads the secrets; nil where none are named.
func (s Files) Open() (*secret.Store, error) {
	if s.Secrets == "" {
		return nil, nil
	}
	return secret.File{Path: s.Secrets, Key: s.Key}.Read()
}

// Hide is log with every secret of a store hidden.
func Hide(log *slog.Logger, s *secret.Store) *slog.Logger {
	if len(s.Values()) == 0 {
		return log
	}
	return slog.New(redact.Handler(log.Handler(), redact.New(s.Values()...)))
}
