package console

import (
	"context"
	"net/http"
	"strings"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
)

// What follows is what the API does, for the console's pages. It is done in the
// name of whom [As] has put into the context; whoever calls has looked at
// their scopes. Errors are [*Problem]s.

// plain is the answer of an operation without its envelope.
func plain[T any](o *out[T], err error) (T, error) {
	if err != nil || o == nil {
		var none T
		return none, err
	}
	return o.Body, nil
}

// Trigger has checks run now.
func (c *Console) Trigger(ctx context.Context, n NewTrigger) (Trigger, error) {
	return plain(c.trigger(ctx, &struct{ Body NewTrigger }{n}))
}

// Triggered is how far the runs of a trigger are.
func (c *Console) Triggered(ctx context.Context, id string) (Trigger, error) {
	return plain(c.getTrigger(ctx, &struct {
		ID string `path:"id" maxLength:"36"`
	}{id}))
}

// ListTokens lists tokens, void ones too.
func (c *Console) ListTokens(ctx context.Context) ([]Token, error) {
	list, err := plain(c.listTokens(ctx, nil))
	return list.Tokens, err
}

// MakeToken makes a token; the answer is the only place where its secret is.
func (c *Console) MakeToken(ctx context.Context, n NewToken) (CreatedToken, error) {
	return plain(c.createToken(ctx, &struct{ Body NewToken }{n}))
}

// DeadLetters lists dead letters.
func (c *Console) DeadLetters(ctx context.Context, limit int) (DeadLetters, error) {
	if c.o.DeadQueues == nil {
		return DeadLetters{}, nil
	}
	return plain(c.listLetters(ctx, &listLettersInput{Limit: limit}))
}

// DeadLetter is one dead letter with its body.
func (c *Console) DeadLetter(ctx context.Context, id string) (*Letter, error) {
	return plain(c.showLetter(ctx, &struct {
		ID    string `path:"id" maxLength:"100"`
		Queue string `query:"queue" doc:"Where it lies; looked for everywhere where it is absent."`
	}{ID: id}))
}

// Redrive sends dead letters back to where they came from.
func (c *Console) Redrive(ctx context.Context, ch Chosen) (Done, error) {
	return plain(c.change(ctx, "redriving dead letters", ch, c.redrive))
}

// Discard deletes dead letters for good.
func (c *Console) Discard(ctx context.Context, ch Chosen) (Done, error) {
	return plain(c.change(ctx, "discarding dead letters", ch, c.discard))
}

// SetPin sets the version in which messages are written by hand.
func (c *Console) SetPin(ctx context.Context, o Override) error {
	_, err := c.override(ctx, &struct{ Body Override }{o})
	return err
}

// Switches are what can be switched of a check without its file. Nil leaves it
// as it is.
type Switches struct {
	Active *bool `json:"active,omitempty" doc:"Whether it is scheduled."`
	Muted  *bool `json:"muted,omitempty" doc:"Whether nobody is alerted of it."`
}

// Switch pauses, resumes, mutes or unmutes a check, until an apply says
// otherwise.
func (c *Console) Switch(ctx context.Context, id string, s Switches) error {
	if s.Active == nil && s.Muted == nil {
		return newProblem(http.StatusUnprocessableEntity, "nothing is to be changed; give active or muted")
	}
	found, err := c.o.Store.ChangeCheck(ctx, id, func(ch *check.Check) {
		if s.Active != nil {
			ch.Active = *s.Active
		}
		if s.Muted != nil {
			ch.Muted = *s.Muted
		}
	})
	switch {
	case err != nil:
		return c.failed("changing the check", err)
	case !found:
		return noCheck(id)
	}
	c.o.Logger.Info("check switched", "check", id, "change", s.words(), "by", holder(ctx).Name)
	return nil
}

func (s Switches) words() string {
	word := ""
	for _, w := range []struct {
		on      *bool
		yes, no string
	}{{s.Active, "resumed", "paused"}, {s.Muted, "muted", "unmuted"}} {
		switch {
		case w.on == nil:
		case *w.on:
			word += " " + w.yes
		default:
			word += " " + w.no
		}
	}
	return strings.TrimSpace(word)
}

// RevokeToken makes a token void.
func (c *Console) RevokeToken(ctx context.Context, id string) error {
	_, err := c.revokeToken(ctx, &struct {
		ID string `path:"id" maxLength:"100"`
	}{id})
	return err
}

// switches adds the operation to the API.
func (e *endpoints) switches() {
	c := e.console
	register(e, operation{
		id: "switch-check", method: http.MethodPatch, path: "/checks/{id}", scope: access.ChecksWrite, tag: "checks",
		summary: "Pause, resume, mute or unmute a check", description: "Whatever set it belongs to. It stays so until an apply says otherwise.",
		errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, func(ctx context.Context, in *struct {
		ID   string `path:"id" maxLength:"63"`
		Body Switches
	},
	) (*struct{}, error) {
		return nil, c.Switch(ctx, in.ID, in.Body)
	})
}
