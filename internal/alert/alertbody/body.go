// Package alertbody fills in the bodies of webhooks: the template of a channel
// with the message that it is told. It is apart from the rules of alerts, so
// that who only reads those holds no expressions.
package alertbody

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/template"
)

// bodyTries is a message with every field, to try templates with.
func bodyTries() (map[string]any, error) {
	m := alert.TestMessage("test", "0", alert.TestMessage("", "", alert.Alert{}.Opened).At)
	return bodyValues(m)
}

// bodyValues are the names that the template of a webhook's body knows: the
// fields of the message's JSON.
func bodyValues(m alert.Message) (map[string]any, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return nil, err
	}
	for _, name := range []string{"withheld"} {
		if _, there := values[name]; !there {
			values[name] = ""
		}
	}
	for _, name := range []string{"low", "test"} {
		if _, there := values[name]; !there {
			values[name] = false
		}
	}
	return values, nil
}

// Check says what is wrong with the template of a webhook's body.
func Check(body string) error {
	values, err := bodyTries()
	if err != nil {
		return err
	}
	places, err := template.Expressions(body)
	if err != nil {
		return err
	}
	for _, p := range places {
		inside := body[p.InsideFrom:p.InsideTo]
		if alert.Reference.MatchString(body[p.From:p.To]) {
			return fmt.Errorf("{{%s}}: a body holds no secrets; put them into headers, or sign it by secret", inside)
		}
		if _, err := expr.Compile(inside, expr.Env(values)); err != nil {
			return fmt.Errorf("{{%s}}: %w", inside, err)
		}
	}
	return nil
}

// Fill is the body of a webhook: the template with the message filled in,
// or the message as JSON where there is none. A text is written as it is; use
// toJSON(…) where it comes to stand in JSON.
func Fill(body string, m alert.Message) (string, error) {
	if body == "" {
		data, err := json.Marshal(m)
		return string(data), err
	}
	values, err := bodyValues(m)
	if err != nil {
		return "", err
	}
	places, err := template.Expressions(body)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	last := 0
	for _, p := range places {
		out.WriteString(body[last:p.From])
		last = p.To
		v, err := expr.Eval(body[p.InsideFrom:p.InsideTo], values)
		if err != nil {
			return "", fmt.Errorf("filling in {{%s}}: %w", body[p.InsideFrom:p.InsideTo], err)
		}
		if s, ok := v.(string); ok {
			out.WriteString(s)
			continue
		}
		data, err := json.Marshal(v)
		if err != nil {
			return "", fmt.Errorf("filling in {{%s}}: %w", body[p.InsideFrom:p.InsideTo], err)
		}
		out.Write(data)
	}
	out.WriteString(body[last:])
	return out.String(), nil
}
