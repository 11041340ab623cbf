package apirunner

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/redact"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

const (
	// maxExcerpt is the number of body bytes kept as evidence.
	maxExcerpt = 4 << 10
	// spare is read beyond the excerpt, so that a credential at its end is
	// seen whole.
	spare = 1 << 10
)

// body reads a response's body up to a limit. What counts is decoded: two
// megabytes of gzip may be two gigabytes of body.
type body struct {
	limit int64
	keep  bool // the whole of it, not only its start

	size  int64
	text  strings.Builder // where keep
	start []byte          // up to maxExcerpt + spare
}

// buffers are shared by all runs; a check in flight holds one while it reads.
var buffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

func (b *body) read(resp *http.Response) error {
	raw := &source{r: resp.Body}
	content := io.Reader(raw)
	if strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip") {
		z := &unzipper{raw: raw}
		defer z.release()
		content = z
	} else if b.keep && resp.ContentLength > 0 {
		b.text.Grow(int(min(resp.ContentLength, b.limit)))
	}
	buf := buffers.Get().(*[8 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := content.Read(buf[:])
		b.take(buf[:n])
		if b.size > b.limit {
			return &fault{class: jobs.FaultBody, message: fmt.Sprintf("body is larger than the cap of %s: raise max_body, or ask for less", cause.Size(b.limit))}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return b.broken(resp, raw, err)
		}
	}
}

func (b *body) take(data []byte) {
	b.size += int64(len(data))
	if room := maxExcerpt + spare - len(b.start); room > 0 {
		b.start = append(b.start, data[:min(room, len(data))]...)
	}
	if b.keep {
		b.text.Write(data)
	}
}

// broken finds words for a body that did not come whole.
func (b *body) broken(resp *http.Response, raw *source, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case raw.err != nil && !errors.Is(raw.err, io.EOF):
		if errors.Is(raw.err, io.ErrUnexpectedEOF) {
			return cutOff(resp, raw.n)
		}
		return raw.err
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return &fault{class: jobs.FaultBody, message: "body is not the gzip that its content-encoding says: " + err.Error()}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &fault{class: jobs.FaultBody, message: fmt.Sprintf("body is gzip that ends too early, after %s", cause.Size(raw.n))}
	}
	return err
}

func cutOff(resp *http.Response, got int64) error {
	where := fmt.Sprintf("after %s of it", cause.Size(got))
	if resp.ContentLength > 0 {
		where = fmt.Sprintf("after %d of %d bytes", got, resp.ContentLength)
	}
	return &fault{class: jobs.FaultProtocol, message: "server closed the connection in the middle of the body, " + where}
}

// excerpt is the start of the body as valid UTF-8 without NUL.
func (b *body) excerpt(hidden *redact.Redactor) string {
	text := strings.ToValidUTF8(hidden.Hide(string(b.start)), "\uFFFD")
	text = strings.ReplaceAll(text, "\x00", "\uFFFD")
	if len(text) <= maxExcerpt {
		return text
	}
	end := maxExcerpt
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// source counts what comes over the wire and remembers how it ended.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}

// unzipper decodes gzip. It borrows its decoder, some 40 KiB, with the first
// byte; no bytes at all are an empty body.
type unzipper struct {
	raw io.Reader
	z   *gzip.Reader
}

var decoders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func (u *unzipper) Read(p []byte) (int, error) {
	if u.z == nil {
		in := bufio.NewReaderSize(u.raw, 4<<10)
		if _, err := in.Peek(1); err != nil {
			return 0, err
		}
		z := decoders.Get().(*gzip.Reader)
		if err := z.Reset(in); err != nil {
			decoders.Put(z)
			return 0, unexpected(err)
		}
		u.z = z
	}
	return u.z.Read(p)
}

// release gives the decoder back, without its hold on the connection.
func (u *unzipper) release() {
	if u.z != nil {
		_ = u.z.Reset(strings.NewReader("")) // fails, and forgets its source
		decoders.Put(u.z)
		u.z = nil
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
