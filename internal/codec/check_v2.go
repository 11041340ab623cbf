package codec

import (
	"fmt"

	"github.com/probefleet/probefleet/internal/check"
)

// checkV2 is a check in version 2: an API check is a list of steps, the steps
// of a browser check say more, there are checks of the network, and rules of
// alerts.
type checkV2 struct {
	checkOf[apiV2, browserV2]
	netV2
	alarmV2
}

// fault finds the first field without which the check has no meaning.
func (w *checkV2) fault() (field, reason string) {
	field, reason = w.faultAmong(check.Kinds)
	if field == "" && lostKind(w.Kind) != "" && w.spec(w.Kind) == nil {
		return string(w.Kind), "is missing, though kind names it"
	}
	return field, reason
}

func newCheckV2(c check.Check) (*checkV2, error) {
	w := &checkV2{checkOf: checkOf[apiV2, browserV2]{
		ID: c.ID, Name: c.Name, Description: c.Description, Group: c.Group, Tags: c.Tags,
		Every: microsOf(c.Every), Timeout: microsOf(c.Timeout), Locations: c.Locations,
		Active: c.Active, Muted: c.Muted, Public: c.Public,
	}, alarmV2: newAlarmV2(c)}
	switch s := c.Spec.(type) {
	case *check.API:
		if s != nil {
			w.Kind, w.API = check.KindAPI, newAPIV2(s)
		}
	case *check.Browser:
		if s != nil {
			w.Kind, w.Browser = check.KindBrowser, newBrowserV2(s)
		}
	default:
		w.netV2, w.Kind = newNetV2(c.Spec)
	}
	if w.Kind == "" {
		return nil, fmt.Errorf("encoding %s %q: it has no spec", TypeCheck, c.ID)
	}
	return w, nil
}

func checkOfV2(w *checkV2) check.Check {
	c := check.Check{
		ID: w.ID, Name: w.Name, Description: w.Description, Group: w.Group, Tags: some(w.Tags),
		Every: w.Every.duration(), Timeout: w.Timeout.duration(), Locations: some(w.Locations),
		Active: w.Active, Muted: w.Muted, Public: w.Public,
	}
	switch w.Kind {
	case check.KindAPI:
		c.Spec = w.API.spec()
	case check.KindBrowser:
		c.Spec = w.Browser.spec()
	default:
		c.Spec = w.spec(w.Kind)
	}
	w.into(&c)
	return c
}

// upcastCheckV1 turns one request into the only step, which has no id.
func upcastCheckV1(w *checkV1) *checkV2 {
	up := checkV2{checkOf: recast[apiV2, browserV2](w)}
	up.API, up.Browser = upcastAPIV1(w.API), upcastBrowserV1(w.Browser)
	return &up
}

// downcastCheckV2 is the way back. lost says what version 1 has no room for,
// "" where it holds everything.
func downcastCheckV2(w *checkV2) (down *checkV1, lost string) {
	if lost = lostKind(w.Kind); lost != "" {
		return nil, lost
	}
	if lost = w.lost(); lost != "" {
		return nil, lost
	}
	c := recast[apiV1, browserV1](&w.checkOf)
	if c.API, lost = downcastAPIV2(w.API); lost != "" {
		return nil, lost
	}
	if c.Browser, lost = downcastBrowserV2(w.Browser); lost != "" {
		return nil, lost
	}
	return &c, ""
}

// recast is w with everything but its spec.
func recast[A2 apiShape, B2 any, A apiShape, B any](w *checkOf[A, B]) checkOf[A2, B2] {
	return checkOf[A2, B2]{
		ID: w.ID, Name: w.Name, Description: w.Description, Group: w.Group, Tags: w.Tags,
		Every: w.Every, Timeout: w.Timeout, Locations: w.Locations,
		Active: w.Active, Muted: w.Muted, Public: w.Public, Kind: w.Kind,
	}
}

func readCheckV1(_ Header, data []byte) (check.Check, error) {
	var w checkV1
	if err := readStored(data, &w); err != nil {
		return check.Check{}, err
	}
	return checkOfV2(upcastCheckV1(&w)), nil
}

func readCheckV2(_ Header, data []byte) (check.Check, error) {
	var w checkV2
	if err := readStored(data, &w); err != nil {
		return check.Check{}, err
	}
	return checkOfV2(&w), nil
}

// readStored reads a check that has no envelope.
func readStored(data []byte, w interface{ fault() (field, reason string) }) error {
	if err := unmarshal(TypeCheck, "", data, w); err != nil {
		return err
	}
	if field, reason := w.fault(); field != "" {
		return &DecodeError{Type: TypeCheck, Field: field, Reason: reason}
	}
	return nil
}
