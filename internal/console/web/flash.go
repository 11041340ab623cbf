package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// Flash is what the next page says of what was done.
type Flash struct {
	// Bad marks something that did not succeed.
	Bad  bool   `json:"bad,omitempty"`
	Text string `json:"text"`
}

const (
	flashCookie = "probefleet_flash"
	// maxFlash keeps the cookie below what browsers take.
	maxFlash = 1500
	// flashLasts is long enough for a redirect, in seconds.
	flashLasts = 60
)

// Redirect answers a form with another page, which says what was done. The
// address is one of our own.
func (f *Frame) Redirect(w http.ResponseWriter, r *http.Request, to string, say Flash) {
	say.Text = Shorten(say.Text, maxFlash/4)
	data, err := json.Marshal(say)
	if err == nil && say.Text != "" {
		setFlash(w, r, base64.RawURLEncoding.EncodeToString(data), flashLasts)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func setFlash(w http.ResponseWriter, r *http.Request, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: the console may be on plain HTTP, and this is no secret
		Name: flashCookie, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}

// takeFlash reads what is to be said, and forgets it.
func takeFlash(w http.ResponseWriter, r *http.Request) *Flash {
	c, err := r.Cookie(flashCookie)
	if err != nil {
		return nil
	}
	setFlash(w, r, "", -1)
	data, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return nil
	}
	var f Flash
	if err := json.Unmarshal(data, &f); err != nil || f.Text == "" {
		return nil
	}
	return &f
}
