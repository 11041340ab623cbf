package redact

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestHandler(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(Handler(slog.NewTextHandler(&out, nil), New("s3cr3t-value")))
	log = log.With("with", "s3cr3t-value").WithGroup("g")
	log.Error("asked for s3cr3t-value", "err", errors.New(`get "http://x/?k=s3cr3t%2Dvalue"`), "n", 7,
		slog.Group("in", "deep", "s3cr3t-value"), "any", struct{ Token string }{"s3cr3t-value"}, "s3cr3t-value", 1)
	got := out.String()
	if strings.Contains(got, "s3cr3t") || strings.Count(got, Mark) != 6 || !strings.Contains(got, "g.n=7") {
		t.Error(got)
	}
}
