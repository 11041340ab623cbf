package browserrunner

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/cdp/jsonv2"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// errLost is the cause of everything that ends because the browser does.
var errLost = errors.New("the connection to the browser was lost")

// conn carries commands and events between us and one browser, over the pipe
// that it was started with: no port is open that another process could reach.
//
// chromedp's own Target follows the whole DOM of every page and enables nine
// domains one after the other; its transport and its types are used here
// without that.
type conn struct {
	pipe chromedp.Transport
	out  chan *cdproto.Message
	// lost is closed when the browser can no longer be reached.
	lost chan struct{}

	mu      sync.Mutex
	nextID  int64
	replies map[int64]chan<- *cdproto.Message
	events  map[target.SessionID]func(*cdproto.Message)
}

// dial takes over pipe and serves it until it breaks or close is called, not
// until ctx ends.
func dial(ctx context.Context, pipe chromedp.Transport) *conn {
	ctx = context.WithoutCancel(ctx)
	c := &conn{
		pipe:    pipe,
		out:     make(chan *cdproto.Message, 64),
		lost:    make(chan struct{}),
		replies: make(map[int64]chan<- *cdproto.Message),
		events:  make(map[target.SessionID]func(*cdproto.Message)),
	}
	go c.read(ctx)
	go c.write(ctx)
	return c
}

// close breaks the pipe; the browser ends when it notices.
func (c *conn) close() { _ = c.pipe.Close() }

func (c *conn) alive() bool {
	select {
	case <-c.lost:
		return false
	default:
		return true
	}
}

func (c *conn) read(ctx context.Context) {
	defer close(c.lost)
	defer c.close()
	for {
		m := new(cdproto.Message)
		if err := c.pipe.Read(ctx, m); err != nil {
			return
		}
		c.mu.Lock()
		reply, handle := c.replies[m.ID], c.events[m.SessionID]
		delete(c.replies, m.ID)
		c.mu.Unlock()
		switch {
		case reply != nil:
			reply <- m
		case m.Method != "" && handle != nil:
			handle(m)
		}
	}
}

func (c *conn) write(ctx context.Context) {
	for {
		select {
		case <-c.lost:
			return
		case m := <-c.out:
			if err := c.pipe.Write(ctx, m); err != nil {
				c.close()
				return
			}
		}
	}
}

// session speaks to one target; the one with the empty id to the browser.
type session struct {
	conn *conn
	id   target.SessionID
}

// listen calls handle for every event of the session, in order, on the
// goroutine that reads the pipe: it must not block and must not call the
// browser. nil ends it.
func (s session) listen(handle func(*cdproto.Message)) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	if handle == nil {
		delete(s.conn.events, s.id)
		return
	}
	s.conn.events[s.id] = handle
}

// pending is a command that was sent and not yet answered.
type pending[R any] struct {
	conn   *conn
	id     int64
	method string
	reply  chan *cdproto.Message
	err    error
}

// send sends a command and does not wait for its answer. The browser works on
// the commands of a session in the order in which they were sent.
func send[P, R any](ctx context.Context, s session, cmd cdp.Command[P, R], params P) *pending[R] {
	p := &pending[R]{conn: s.conn, method: cmd.Method, reply: make(chan *cdproto.Message, 1)}
	body, err := jsonv2.Marshal(params, chromedp.DefaultMarshalOptions)
	if err != nil {
		p.err = fmt.Errorf("encoding %s: %w", cmd.Method, err)
		return p
	}
	s.conn.mu.Lock()
	s.conn.nextID++
	p.id = s.conn.nextID
	s.conn.replies[p.id] = p.reply
	s.conn.mu.Unlock()
	m := &cdproto.Message{ID: p.id, SessionID: s.id, Method: cdproto.MethodType(cmd.Method), Params: body}
	select {
	case s.conn.out <- m:
	case <-s.conn.lost:
		p.forget(errLost)
	case <-ctx.Done():
		p.forget(context.Cause(ctx))
	}
	return p
}

func (p *pending[R]) forget(err error) {
	p.conn.mu.Lock()
	delete(p.conn.replies, p.id)
	p.conn.mu.Unlock()
	p.err = err
}

// wait is the answer. The error is the browser's (*cdproto.Error), errLost, or
// the cause of ctx's end.
func (p *pending[R]) wait(ctx context.Context) (result R, err error) {
	if p.err != nil {
		return result, p.err
	}
	select {
	case m := <-p.reply:
		return p.read(m)
	case <-p.conn.lost:
		p.forget(errLost)
	case <-ctx.Done():
		p.forget(context.Cause(ctx))
	}
	select {
	case m := <-p.reply: // it came before the end
		return p.read(m)
	default:
		return result, p.err
	}
}

func (p *pending[R]) read(m *cdproto.Message) (result R, err error) {
	if m.Error != nil {
		return result, m.Error
	}
	if err := jsonv2.Unmarshal(m.Result, &result, chromedp.DefaultUnmarshalOptions); err != nil {
		return result, fmt.Errorf("decoding the answer to %s: %w", p.method, err)
	}
	return result, nil
}

// call sends a command and waits for its answer; errors as in pending.wait.
func call[P, R any](ctx context.Context, s session, cmd cdp.Command[P, R], params P) (R, error) {
	return send(ctx, s, cmd, params).wait(ctx)
}

// decode reads the parameters of an event, and reports whether they are such.
func decode[E any](m *cdproto.Message) (E, bool) {
	var e E
	err := jsonv2.Unmarshal(m.Params, &e, chromedp.DefaultUnmarshalOptions)
	return e, err == nil
}
