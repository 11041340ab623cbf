package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

var values = []string{
	"s3cr3t-value", "demo", `with "quotes" & <tags> 'n more'`, `back\slash\\two`, "päss wörd ✓", "emoji 👩‍🚀 key",
	"a+b/c=d%20e", "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7\n-----END KEY-----\n", "tab\tand\x01control",
}

func everyByte(s, form string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		fmt.Fprintf(&out, form, b)
	}
	return out.String()
}

func everyRune(s, form string) string {
	var out strings.Builder
	for _, r := range s {
		fmt.Fprintf(&out, form, r)
	}
	return out.String()
}

// writingsOf is what a value may come back as.
func writingsOf(s string) map[string]string {
	quoted, _ := json.Marshal(s)
	inner := string(quoted[1 : len(quoted)-1])
	twice, _ := json.Marshal(inner)
	unit := url.QueryEscape(s)
	forms := map[string]string{
		"plain": s, "upper": strings.ToUpper(s), "lower": strings.ToLower(s),
		"query": unit, "path": url.PathEscape(s), "percent lower": lowerPercent(unit),
		"percent all": everyByte(s, "%%%02X"), "percent twice": url.QueryEscape(unit),
		"json": inner, "json twice": string(twice[1 : len(twice)-1]), "json ascii": strings.Trim(strconv.QuoteToASCII(s), `"`),
		"go": strings.Trim(strconv.Quote(s), `"`), "slashes": strings.ReplaceAll(inner, "/", `\/`),
		"html": html.EscapeString(s), "html decimal": everyRune(s, "&#%d;"), "html hex": everyRune(s, "&#x%X;"),
		"hex": hex.EncodeToString([]byte(s)), "hex upper": strings.ToUpper(hex.EncodeToString([]byte(s))),
		"html in json": htmlInJSON(s), "html in query": url.QueryEscape(html.EscapeString(s)), "json in query": url.QueryEscape(inner),
		"decimal in json": strings.ReplaceAll(everyRune(s, "&#%d;"), "&", `\u0026`),
		"base64 query":    url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))),
	}
	for offset := range 5 {
		around := strings.Repeat("u", offset) + s + ":tail"
		forms[fmt.Sprint("base64 ", offset)] = base64.StdEncoding.EncodeToString([]byte(around))
		forms[fmt.Sprint("base64url ", offset)] = base64.RawURLEncoding.EncodeToString([]byte(around))
	}
	return forms
}

func htmlInJSON(s string) string {
	quoted, _ := json.Marshal(html.EscapeString(s))
	return string(quoted[1 : len(quoted)-1])
}

func lowerPercent(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			out.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
			continue
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// Every writing of every value is gone, and what is around it stays.
func TestHide(t *testing.T) {
	for _, v := range values {
		r := New(v)
		for name, form := range writingsOf(v) {
			got := r.Hide("before " + form + " after")
			if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, Mark) {
				t.Errorf("%s of %q: %q became %q", name, v, form, got)
			}
			middle := strings.TrimSuffix(strings.TrimPrefix(got, "before "), " after")
			if !strings.HasPrefix(name, "base64") && middle != Mark {
				t.Errorf("%s of %q: left over: %q", name, v, middle)
			}
		}
	}
}

// What is cut is hidden as far as it goes.
func TestHideOfWhatIsCut(t *testing.T) {
	r := New("s3cr3t-value")
	for in, want := range map[string]string{
		"token s3cr3t":              "token " + Mark,
		`got "s3cr3t-v"…`:           `got "` + Mark + `"…`,
		"token s3cr3… (cut)":        "token " + Mark + "… (cut)",
		"a secret is no secret s3c": "a secret is no secret s3c",
		`code "s3cr3t-val" is`:      `code "` + Mark + `" is`,
		"s3cr3t-off":                "s3cr3t-off",
		"nothing":                   "nothing",
		"":                          "",
	} {
		if got := r.Hide(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestShortValuesAreLeftAlone(t *testing.T) {
	r := New("abc", "")
	if !r.Empty() || r.Hide("abc") != "abc" || (*Redactor)(nil).Hide("x") != "x" || !(*Redactor)(nil).Empty() {
		t.Error("a value that is too short is hidden")
	}
}

// Hiding is safe on any text, and what it gives holds no value any more.
func FuzzHide(f *testing.F) {
	f.Add("s3cr3t", `x s3cr3t \u0073 %73 &#115;`)
	f.Add(`\\\\`, `\\\\\\\\\\\\`)
	f.Fuzz(func(t *testing.T, value, text string) {
		r := New(value)
		got := r.Hide(text)
		if len(value) >= Least && utf8.ValidString(value) && strings.Contains(strings.ReplaceAll(got, Mark, ""), value) && !strings.Contains(Mark, value) {
			// Taking the marks away may join what stood around them.
			for part := range strings.SplitSeq(got, Mark) {
				if strings.Contains(part, value) {
					t.Errorf("%q in %q gives %q", value, text, got)
				}
			}
		}
	})
}

func BenchmarkHide(b *testing.B) {
	r := New("s3cr3t-value", "another-secret")
	text := strings.Repeat(`{"name": "tea", "price": 3.5, "ok": true} `, 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Hide(text)
	}
}
