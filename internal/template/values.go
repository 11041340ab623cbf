package template

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/assert"
	"github.com/probefleet/probefleet/internal/redact"
)

// Values are what the templates of one attempt may use. They belong to one
// goroutine.
type Values struct {
	// Secrets are by name.
	Secrets map[string]string
	// Steps are what the steps so far have seen, by id.
	Steps map[string]*assert.Seen
	// Now and Random serve now(), uuid() and their like; nil stands for the
	// clock and the randomness of this machine.
	Now    func() time.Time
	Random io.Reader

	hidden *redact.Redactor
}

// NewValues makes Values with secrets, which are hidden from then on.
func NewValues(secrets map[string]string) *Values {
	v := &Values{Secrets: secrets, hidden: redact.New()}
	for _, s := range secrets {
		v.hidden.Add(s)
	}
	return v
}

// Saw keeps what a step has seen.
func (v *Values) Saw(id string, s *assert.Seen) {
	if v.Steps == nil {
		v.Steps = map[string]*assert.Seen{}
	}
	v.Steps[id] = s
}

// Hidden hides the secrets, what came of them, and what was added.
func (v *Values) Hidden() *redact.Redactor {
	if v.hidden == nil {
		v.hidden = redact.New()
	}
	return v.hidden
}

type key struct{}

// With hands values to the runner of a job.
func With(ctx context.Context, v *Values) context.Context { return context.WithValue(ctx, key{}, v) }

// From are the values that [With] put there, else empty ones.
func From(ctx context.Context) *Values {
	if v, ok := ctx.Value(key{}).(*Values); ok {
		return v
	}
	return NewValues(nil)
}

func (v *Values) given() assert.Given {
	g := assert.Given{Secrets: v.Secrets, Steps: v.Steps, Now: v.Now, Random: v.Random}
	if g.Now == nil {
		g.Now = time.Now
	}
	if g.Random == nil {
		g.Random = rand.Reader
	}
	return g
}

// Fill is text with its templates filled in. The error is a *[FillError], or a
// *[Error] where text is no template.
func (v *Values) Fill(text string) (string, error) {
	if !Has(text) {
		return text, nil
	}
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			out.WriteString(p.text)
			continue
		}
		value, err := v.eval(p)
		if err != nil {
			return "", err
		}
		out.WriteString(textOf(value))
		if out.Len() > MaxText {
			return "", fillError(p, fmt.Errorf("the text would be longer than %d bytes", MaxText))
		}
	}
	return out.String(), nil
}

// eval is the value of an expression. What comes of a secret is hidden, in
// case that it is more than the secret: a digest, a part.
func (v *Values) eval(p part) (any, error) {
	value, err := p.expr.Eval(v.given())
	if err != nil {
		return nil, fillError(p, err)
	}
	if len(p.expr.Secrets()) > 0 {
		v.hide(value)
	}
	return value, nil
}

func (v *Values) hide(value any) {
	switch value := value.(type) {
	case string:
		v.Hidden().Add(value)
	case []any:
		for _, e := range value {
			v.hide(e)
		}
	case map[string]any:
		for _, e := range value {
			v.hide(e)
		}
	case int, float64, *big.Int:
		v.Hidden().Add(textOf(value))
	}
}

// FillJSON is a JSON text with the templates inside its strings filled in. A
// string that is nothing but one expression becomes its value, of whatever
// sort; in others values stand as text.
func (v *Values) FillJSON(text string) (string, error) {
	if !Has(text) {
		return text, nil
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		i := strings.IndexByte(text[at:], '"')
		if i < 0 {
			out.WriteString(text[at:])
			break
		}
		out.WriteString(text[at : at+i])
		at += i
		n := quoted(text[at:])
		if n < 0 {
			return "", &Error{Message: "the body is not JSON: a quote is not closed"}
		}
		filled, err := v.fillString(text[at : at+n])
		if err != nil {
			return "", err
		}
		out.WriteString(filled)
		if at += n; out.Len() > MaxText {
			return "", &FillError{Message: fmt.Sprintf("the body would be longer than %d bytes", MaxText)}
		}
	}
	return out.String(), nil
}

// fillString fills in a JSON string, quotes included.
func (v *Values) fillString(quoted string) (string, error) {
	if !Has(quoted) {
		return quoted, nil
	}
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		return "", &Error{Message: "the body is not JSON: " + err.Error()}
	}
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	if len(t.parts) == 1 && t.parts[0].expr != nil {
		value, err := v.eval(t.parts[0])
		if err != nil {
			return "", err
		}
		return marshal(value), nil
	}
	filled, err := v.Fill(text)
	if err != nil {
		return "", err
	}
	return marshal(filled), nil
}

// textOf is a value as text.
func textOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case *big.Int:
		return v.String()
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case time.Duration:
		return v.String()
	}
	return marshal(value)
}

// JSON is a text as JSON, quotes included.
func JSON(text string) string { return marshal(text) }

// marshal is a value as JSON, <, > and & as they are.
func marshal(value any) string {
	switch v := value.(type) {
	case time.Time, time.Duration:
		value = textOf(v)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return "null" // a number that JSON does not have
	}
	return strings.TrimSuffix(out.String(), "\n")
}
