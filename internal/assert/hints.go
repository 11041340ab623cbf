package assert

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/probefleet/probefleet/internal/nearest"
)

// explainCompile puts what expr's parser or checker said into words for the
// person who wrote src.
func (n *names) explainCompile(src string, cols columns, failure error) *CompileError {
	var at *file.Error
	if !errors.As(failure, &at) {
		return &CompileError{1, people(failure.Error())}
	}
	column := cols.original(at.From) + 1
	message := at.Message
	for _, h := range hints {
		if m := h.form.FindStringSubmatch(message); m != nil {
			message = h.say(n, src, column, m)
			break
		}
	}
	if m := dashed(src, column); m != "" {
		message = m
	}
	return &CompileError{column, people(message)}
}

// hints turn a message of expr into ours. The first whose form matches speaks.
var hints = []struct {
	form *regexp.Regexp
	say  func(n *names, src string, column int, m []string) string
}{
	{regexp.MustCompile(`^unexpected token EOF$`), func(*names, string, int, []string) string {
		return "the line ends too early: a value or a closing bracket is missing"
	}},
	{regexp.MustCompile(`^unexpected token \w+\("(.*)"\)$`), func(_ *names, src string, column int, m []string) string {
		return unexpected(src, column, strings.ReplaceAll(m[1], `\"`, `"`))
	}},
	{regexp.MustCompile(`^unrecognized character: U\+\w+ '(.+)'$`), func(_ *names, _ string, _ int, m []string) string {
		switch m[1] {
		case "“", "”", "„", "‘", "’", "«", "»":
			return "the quote " + m[1] + " is not known; use ' or \""
		case "~":
			return "~ is not known; write matches 'regular expression'"
		}
		return fmt.Sprintf("the character %s is not known here", m[1])
	}},
	{regexp.MustCompile(`^literal not terminated$`), func(*names, string, int, []string) string {
		return "a quote is opened and not closed: add ' or \" where the text ends"
	}},
	{regexp.MustCompile(`^bad number syntax: "(.*)"$`), func(_ *names, _ string, _ int, m []string) string {
		return fmt.Sprintf("%q is neither a number nor a duration; durations have the units ms, s, m and h: 800ms, 1.5s, 2m", m[1])
	}},
	{regexp.MustCompile(`^invalid (integer|float) literal`), func(*names, string, int, []string) string {
		return "the number is too large to write here; compare it as text: string(json.id) == '12345678901234567890'"
	}},
	{regexp.MustCompile(`^unknown name (.*)$`), func(n *names, _ string, _ int, m []string) string {
		return n.unknown(m[1])
	}},
	{regexp.MustCompile(`^type assert\.\w+ has no (?:field|method) (.*)$`), func(n *names, src string, column int, m []string) string {
		return n.unknownPart(src, column, m[1])
	}},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`), func(_ *names, _ string, _ int, m []string) string {
		return mismatch(m[1], m[2], m[3])
	}},
	{regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`), func(_ *names, _ string, _ int, m []string) string {
		return fmt.Sprintf("%s needs something that is true or false, or for - a number; this is %s", m[1], typeNoun(m[2]))
	}},
	{regexp.MustCompile(`^builtin (\w+) takes only array \(got (.+)\)$`), func(_ *names, _ string, _ int, m []string) string {
		return fmt.Sprintf("%s needs a list; this is %s", m[1], typeNoun(m[2]))
	}},
	{regexp.MustCompile(`^predicate should return boolean \(got (.+)\)$`), func(_ *names, _ string, _ int, m []string) string {
		return fmt.Sprintf("the condition for each item gives %s, not true or false; compare it, such as .price > 0", typeNoun(m[1]))
	}},
	{regexp.MustCompile(`^cannot use pointer accessor outside predicate$`), func(*names, string, int, []string) string {
		return "a name that starts with a dot, and #, stand for one item of a list; use them inside a function, such as any(json.items, .id == 1)"
	}},
	{regexp.MustCompile(`^error parsing regexp: (.*)$`), func(_ *names, _ string, _ int, m []string) string {
		return "not a regular expression: " + m[1]
	}},
	{regexp.MustCompile(`coalesce expressions`), func(*names, string, int, []string) string {
		return "put brackets around the part with ??: (json.count ?? 0) > 1"
	}},
	{regexp.MustCompile(`exceeds maximum allowed nodes`), func(*names, string, int, []string) string {
		return fmt.Sprintf("the line has more than %d parts; split it into several", maxNodes)
	}},
	{regexp.MustCompile(`^cannot use (.+) to get an element from map`), func(_ *names, _ string, _ int, m []string) string {
		return fmt.Sprintf("the name of a header is text, such as headers['content-type'], not %s", typeNoun(m[1]))
	}},
}

// unexpected words a token that the parser did not expect.
func unexpected(src string, column int, token string) string {
	runes := []rune(src)
	before := strings.TrimRight(string(runes[:min(column-1, len(runes))]), " ")
	switch {
	case token == "=" && column < len(runes) && runes[column] == '~':
		return "=~ is not known; write matches 'regular expression'"
	case token == "=":
		return "use == to compare"
	case token == ">" && strings.HasSuffix(before, "<"):
		return "use != for `is not`"
	case token == "&":
		return "use && or `and`"
	case slices.Contains([]string{"ns", "us", "ms", "s", "m", "h", "sec", "min"}, token) && endsInDigit(before):
		return "a duration is written in one word: 800ms, 1.5s, 2m"
	}
	if same, ok := spelled[strings.ToLower(token)]; ok {
		return fmt.Sprintf("%q is not an operator; use %s", token, same)
	}
	if known := nearest.Word(token, operatorWords); known != "" && known != token {
		return fmt.Sprintf("%q is not an operator; did you mean %s?", token, known)
	}
	return fmt.Sprintf("%q does not fit here; two values need an operator between them, such as == or contains", token)
}

var operatorWords = []string{"and", "or", "not", "in", "contains", "matches", "startsWith", "endsWith"}

// spelled has what people write out of habit.
var spelled = map[string]string{
	"and": "and", "or": "or", "not": "not", "is": "==", "equals": "==", "eq": "==", "ne": "!=",
	"lt": "<", "gt": ">", "lte": "<=", "gte": ">=", "has": "contains", "includes": "contains", "like": "matches",
	"starts_with": "startsWith", "ends_with": "endsWith",
}

func endsInDigit(s string) bool {
	return s != "" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9'
}

// synonyms has what other tools call the words of this language.
var synonyms = map[string]string{
	"status_code": "status", "statuscode": "status", "code": "status", "http_status": "status",
	"response_time": "time.total", "responsetime": "time.total", "latency": "time.total", "elapsed": "time.total", "duration_ms": "time.total",
	"ttfb": "time.first_byte", "first_byte": "time.first_byte", "dns": "time.dns", "connect": "time.connect", "total": "time.total",
	"text": "body", "content": "body", "header": "headers", "response": "status, headers, body or json", "res": "status, headers, body or json",
	"cert": "tls", "certificate": "tls", "ssl": "tls", "certificate_expiration": "tls.days_left", "days_left": "tls.days_left",
	"null": "nil", "none": "nil", "undefined": "nil", "length": "len(…)", "True": "true", "False": "false",
}

func (n *names) unknown(name string) string {
	list := fmt.Sprintf("%s has %s", n.whose, n.paths())
	if slices.Contains(withheld, name) || library[name].drawn {
		return name + " is not available: what an assertion says must depend on the answer alone, not on the clock"
	}
	if s, ok := synonyms[strings.ToLower(name)]; ok && n.has(s) {
		return fmt.Sprintf("there is no %s; use %s (%s)", name, s, list)
	}
	known := append(n.words(), "true", "false", "nil")
	known = append(known, libraryNames()...)
	for _, b := range builtin.Names {
		if !slices.Contains(withheld, b) {
			known = append(known, b)
		}
	}
	if w := nearest.Word(name, known); w != "" {
		return fmt.Sprintf("there is no %s; did you mean %s? (%s)", name, w, list)
	}
	return fmt.Sprintf("there is no %s; %s", name, list)
}

// has reports whether a synonym speaks of words that this kind has.
func (n *names) has(synonym string) bool {
	first, _, _ := strings.Cut(synonym, ".")
	first, _, _ = strings.Cut(first, ",")
	return slices.Contains([]string{"nil", "true", "false", "len(…)"}, first) || slices.Contains(n.words(), first)
}

// unknownPart words a.x where a has parts and x is none of them. The column is
// that of the part.
func (n *names) unknownPart(src string, column int, part string) string {
	runes := []rune(src)
	before := strings.TrimRight(string(runes[:min(column-1, len(runes))]), " ?.[")
	for _, w := range n.words() {
		parts := n.parts(w)
		if parts == nil || !strings.HasSuffix(before, w) {
			continue
		}
		list := w + "." + strings.Join(parts, ", "+w+".")
		if p := nearest.Word(part, parts); p != "" {
			return fmt.Sprintf("there is no %s.%s; did you mean %s.%s? (there are %s)", w, part, w, p, list)
		}
		return fmt.Sprintf("there is no %s.%s; there are %s", w, part, list)
	}
	return fmt.Sprintf("there is no %s; %s has %s", part, n.whose, n.paths())
}

// mismatch words an operator between two sorts of values.
func mismatch(op, left, right string) string {
	sorts := []string{typeNoun(left), typeNoun(right)}
	has := func(s string) bool { return slices.Contains(sorts, s) }
	said := fmt.Sprintf("%s does not work between %s and %s", op, sorts[0], sorts[1])
	switch {
	case has("a group of values"):
		return said + "; name one of the values, such as time.total or tls.days_left"
	case has("a duration") && has("a number"):
		return said + "; give the number a unit: 800ms, 1.5s"
	case has("a duration") && has("text"):
		return said + "; write the duration without quotes: 800ms"
	case has("a number") && has("text") && slices.Contains([]string{"==", "!=", "<", "<=", ">", ">="}, op):
		return said + "; write the number without quotes: status == 200"
	case has("the headers"):
		return said + "; name a header: headers['content-type'] " + op + " …"
	case op == "in" && sorts[1] == "text":
		return said + "; to look into text write: body contains 'word'"
	}
	return said
}

var dashedName = regexp.MustCompile(`\b(headers|json)\.([A-Za-z0-9_.]+-[A-Za-z0-9_-]+)`)

// dashed explains headers.content-type, which reads as a subtraction.
func dashed(src string, column int) string {
	for _, m := range dashedName.FindAllStringSubmatchIndex(src, -1) {
		from, to := len([]rune(src[:m[0]])), len([]rune(src[:m[1]]))
		if column-1 >= from && column-1 <= to {
			base, name := src[m[2]:m[3]], src[m[4]:m[5]]
			return fmt.Sprintf("a name with a dash needs brackets and quotes: %s['%s']", base, name)
		}
	}
	return ""
}

// typeNoun says what a type of the checker is to people.
func typeNoun(t string) string {
	switch {
	case t == "bool":
		return "true or false"
	case t == "int" || t == "float64" || t == "int64":
		return "a number"
	case t == "string":
		return "text"
	case t == "time.Duration":
		return "a duration"
	case t == "time.Time":
		return "a date"
	case t == "map[string]string":
		return "the headers"
	case strings.HasPrefix(t, "[]"):
		return "a list"
	case strings.HasPrefix(t, "map["):
		return "an object"
	case strings.HasPrefix(t, "assert."):
		return "a group of values"
	case t == "interface {}" || t == "unknown":
		return "a value of any sort"
	}
	return t
}

var goTypes = regexp.MustCompile(`\b(assert\.\w+|map\[string\](string|interface \{\})|time\.Duration|time\.Time|interface \{\}|float64|\[\]interface \{\})`)

// people replaces the names of Go types that are left in a message.
func people(s string) string {
	return goTypes.ReplaceAllStringFunc(s, typeNoun)
}
