package check

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cron is a set of local times of day on certain days: one bit for each value
// of its fields.
type Cron struct {
	Minutes, Hours, Days, Months, Weekdays uint64
	// anyDay and anyWeekday: the field began with a star, and so does not
	// choose by itself.
	anyDay, anyWeekday bool
}

// cronFields are the five fields, in order, with the names that two of them
// know.
var cronFields = []struct {
	name   string
	lo, hi int
	words  []string
}{
	{"minute", 0, 59, nil},
	{"hour", 0, 23, nil},
	{"day of the month", 1, 31, nil},
	{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// ParseCron reads five fields with spaces between them: minute (0 to 59), hour
// (0 to 23), day of the month, month (1 to 12 or jan to dec) and day of the
// week (0 to 7 or sun to sat; 0 and 7 are Sunday). A field is a star or a list
// of numbers and ranges, each of which may have a step: "0,30", "9-17",
// "*/15". As ever with cron, where both the day of the month and the day of the
// week are given, either suffices.
func ParseCron(s string) (Cron, error) {
	fields := strings.Fields(s)
	if len(fields) != len(cronFields) {
		return Cron{}, fmt.Errorf("%q has %d fields; write minute, hour, day of the month, month and day of the week, such as `30 2 * * sun`", s, len(fields))
	}
	var sets [5]uint64
	for i, text := range fields {
		for part := range strings.SplitSeq(text, ",") {
			set, err := cronPart(i, part)
			if err != nil {
				return Cron{}, fmt.Errorf("%s %q: %w", cronFields[i].name, text, err)
			}
			sets[i] |= set
		}
	}
	if sets[4]&(1<<7) != 0 {
		sets[4] |= 1
	}
	c := Cron{
		Minutes: sets[0], Hours: sets[1], Days: sets[2], Months: sets[3], Weekdays: sets[4],
		anyDay: strings.HasPrefix(fields[2], "*"), anyWeekday: strings.HasPrefix(fields[4], "*"),
	}
	if !c.happens() {
		return Cron{}, fmt.Errorf("%q: there is no such day", s)
	}
	return c, nil
}

// happens reports whether any day of a leap year matches.
func (c Cron) happens() bool {
	for d := range 366 {
		if c.Day(time.Date(2024, 1, 1+d, 0, 0, 0, 0, time.UTC)) {
			return true
		}
	}
	return false
}

// cronPart reads one item of a list of field i.
func cronPart(i int, part string) (set uint64, err error) {
	f := cronFields[i]
	body, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.hi {
			return 0, fmt.Errorf("the step %q is not a number from 1 to %d", stepText, f.hi)
		}
	}
	lo, hi := f.lo, f.hi
	if body != "*" {
		from, to, ranged := strings.Cut(body, "-")
		if lo, err = cronValue(i, from); err != nil {
			return 0, err
		}
		switch {
		case ranged:
			if hi, err = cronValue(i, to); err != nil {
				return 0, err
			}
		case !stepped:
			hi = lo
		}
		if hi < lo {
			return 0, errors.New("the range goes backwards")
		}
	}
	for v := lo; v <= hi; v += step {
		set |= 1 << v
	}
	return set, nil
}

func cronValue(i int, s string) (int, error) {
	f := cronFields[i]
	if at := slices.Index(f.words, strings.ToLower(s)); at >= 0 {
		return f.lo + at, nil
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < f.lo || v > f.hi {
		return 0, fmt.Errorf("%q is not from %d to %d", s, f.lo, f.hi)
	}
	return v, nil
}

// Day reports whether c has times on the date of t.
func (c Cron) Day(t time.Time) bool {
	if c.Months&(1<<t.Month()) == 0 {
		return false
	}
	day, weekday := c.Days&(1<<t.Day()) != 0, c.Weekdays&(1<<t.Weekday()) != 0
	if c.anyDay || c.anyWeekday {
		return day && weekday
	}
	return day || weekday
}
