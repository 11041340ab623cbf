package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/alert"
	"github.com/probefleet/probefleet/internal/alert/alertbody"
)

// webhook sends the message as JSON, or what a template makes of it. It is
// signed as the Standard Webhooks specification has it, so that receivers need
// no code of ours.
func (s *sending) webhook(ctx context.Context, w alert.Webhook) error {
	body, err := alertbody.Fill(w.Body, s.m)
	if err != nil {
		return &answerError{refused: true, words: fmt.Sprintf("the body cannot be made: %v", err)}
	}
	headers := map[string]string{"Webhook-Id": s.m.Key}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	headers["Webhook-Timestamp"] = stamp
	if w.Secret != "" {
		headers["Webhook-Signature"] = sign(s.fill(w.Secret), s.m.Key, stamp, body)
	}
	for name, v := range w.Headers {
		headers[name] = s.fill(v)
	}
	_, err = s.post(ctx, http.MethodPost, s.fill(w.URL), "application/json", []byte(body), headers)
	return err
}

// sign is the signature over id, time and body. A secret that begins with
// whsec_ is the key in base64.
func sign(secret, id, stamp, body string) string {
	key := []byte(secret)
	if rest, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if decoded, err := base64.StdEncoding.DecodeString(rest); err == nil {
			key = decoded
		}
	}
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body) // never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
