package netrunner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
	"github.com/probefleet/probefleet/internal/runner/cause"
)

// tcp connects, sends what is to be sent, and reads where an answer is wanted.
func (a *attempt) tcp(ctx context.Context, s *check.TCP) error {
	c, err := a.dial(ctx, s.Address, s.IPFamily)
	if err != nil {
		return err
	}
	defer func(c net.Conn) { _ = c.Close() }(c)
	a.kept.Proto = "tcp"
	if s.TLS != nil {
		t, err := a.shake(ctx, c, *s.TLS, s.Address)
		if err != nil {
			return err
		}
		c = t // closing the connection below it is enough
	}
	if s.Send != "" {
		if _, err := io.WriteString(c, s.Send); err != nil {
			return err
		}
	}
	if s.Send == "" && s.Until == "" && !mentions(s.Lines, "body", "json", "size", "first_byte") {
		return nil
	}
	return a.receive(c, s)
}

// receive reads up to the text that ends the answer, or to its first line
// break, or to the end of the connection.
func (a *attempt) receive(c net.Conn, s *check.TCP) error {
	end := []byte("\n")
	if s.Until != "" {
		end = []byte(s.Until)
	}
	var got []byte
	buf := make([]byte, 4<<10)
	for {
		n, err := c.Read(buf)
		if n > 0 {
			a.clock.enter(receiving)
		}
		from := max(0, len(got)-len(end)+1)
		got = append(got, buf[:n]...)
		if i := bytes.Index(got[from:], end); i >= 0 {
			got, err = got[:from+i+len(end)], nil
			n = -1
		}
		if int64(len(got)) > s.MaxBody {
			got = got[:s.MaxBody]
			a.keep(got)
			return theirs(jobs.FaultBody, "the answer is larger than the cap of %s: raise max_body, or say with until where it ends", cause.Size(s.MaxBody))
		}
		if n < 0 || err != nil {
			a.keep(got)
			return a.ended(err, len(got), s.Until)
		}
	}
}

func (a *attempt) keep(got []byte) {
	a.seen.Body = string(got)
	a.kept.Excerpt = excerpt(a.seen.Body)
}

// ended judges the error with which the reading ended. That the far end closes
// is fine unless a text was waited for.
func (a *attempt) ended(err error, got int, until string) error {
	switch {
	case err == nil, errors.Is(err, io.EOF) && until == "":
		return nil
	case isTimeout(err) && until != "" && got > 0:
		return theirs(jobs.FaultTimeout, "%s did not send %q in time: %s had come", a.target, cause.Short(until), cause.Size(int64(got)))
	case isTimeout(err):
		return err
	case cause.Closed(err, "") && until != "":
		return theirs(jobs.FaultProtocol, "%s closed the connection after %s, without %q", a.target, cause.Size(int64(got)), cause.Short(until))
	}
	return err
}
