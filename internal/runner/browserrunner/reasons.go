package browserrunner

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/numeral"
)

// reason says why step s did not find what it wanted.
func (f found) reason(s check.Step) string {
	selector := s.Shown()
	q := fmt.Sprintf("%q", selector)
	if more := len(s.Any()) - 1; more > 0 {
		q += fmt.Sprintf(" (or %d other selectors)", more)
	}
	switch f.Reason {
	case "none":
		if f.OtherCase {
			return "no element contains " + q + "; the page has that text in other upper and lower case"
		}
		return "no element matches " + q
	case "hidden":
		if f.Matches > 1 {
			return fmt.Sprintf("%d elements match %s, but none is visible", f.Matches, q)
		}
		return q + " is there, but not visible"
	case "nth":
		return fmt.Sprintf("%s is visible %s; the step is for number %d", q, numeral.Of(f.Matches, "time"), s.Nth)
	case "many":
		return fmt.Sprintf("%d visible elements match %s: say more of the one that is meant, or which by nth", f.Matches, q)
	case "invalid":
		return q + " is not a valid selector: " + f.Actual
	case "moving":
		return q + " does not stand still"
	case "outside":
		return q + " cannot be scrolled into view"
	case "covered":
		if f.By == "" {
			return q + " is not where a mouse could reach it"
		}
		return q + " is covered by " + f.By
	case "shown":
		return q + " is still visible: " + f.By
	}
	if words, ok := f.fieldReason(q); ok {
		return words
	}
	return f.expectReason(s, q)
}

// fieldReason is reason for steps that give a field a value.
func (f found) fieldReason(q string) (string, bool) {
	switch f.Reason {
	case "disabled":
		return fmt.Sprintf("%s is disabled (%s)", q, f.By), true
	case "readonly":
		return fmt.Sprintf("%s is read-only (%s)", q, f.By), true
	case "field":
		return fmt.Sprintf("%s is no field that can be filled (%s)", q, f.By), true
	case "select":
		return fmt.Sprintf("%s is no list of options (%s)", q, f.By), true
	case "box":
		return fmt.Sprintf("%s is no check box, radio button or switch (%s)", q, f.By), true
	case "unmoved":
		return fmt.Sprintf("%s does not change when it is clicked (%s)", q, f.By), true
	case "file":
		return fmt.Sprintf("%s is no field for files (%s)", q, f.By), true
	case "onefile":
		return fmt.Sprintf("%s takes one file only (%s)", q, f.By), true
	case "option":
		return fmt.Sprintf("%s has no option %q; it has %s", q, f.By, f.Actual), true
	}
	return "", false
}

// expectReason is reason for steps that wait for something.
func (f found) expectReason(s check.Step, q string) string {
	switch f.Reason {
	case "url":
		return fmt.Sprintf("the URL does not contain %q", s.Value)
	case "title":
		return fmt.Sprintf("the title does not contain %q; it is %q", s.Value, f.Actual)
	case "text":
		where := "the page"
		if s.Any() != nil {
			where = q
		}
		if f.Actual == "" {
			return fmt.Sprintf("%s does not contain %q; it shows no text", where, s.Value)
		}
		return fmt.Sprintf("%s does not contain %q; it says %q", where, s.Value, f.Actual)
	case "value":
		if f.Secret {
			return fmt.Sprintf("the value of %s is another", q)
		}
		return fmt.Sprintf("the value of %s is %q, not %q", q, f.Actual, s.Value)
	case "attribute":
		if f.Missing {
			return fmt.Sprintf("%s has no attribute %s", q, f.By)
		}
		return fmt.Sprintf("the attribute %s of %s is %q, not %q", f.By, q, f.Actual, s.Pairs[f.By])
	case "count":
		return fmt.Sprintf("%d elements match %s; %s %d are wanted", f.Matches, q, s.Elements.Operator, s.Elements.Count)
	case "unlike":
		return fmt.Sprintf("not every element that matches %s has the properties and attributes that are wanted; the first is %s", q, f.Actual)
	case "still":
		return fmt.Sprintf("%d elements match %s, and should not as they are", f.Matches, q)
	}
	return "the page did not do as wanted"
}
