package chaos

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// CommitCutter stands before a Postgres server and cuts connections at the
// worst moment: the server has committed, and its answer is on the way.
type CommitCutter struct {
	upstream string
	listener net.Listener
	left     atomic.Int64
	cut      atomic.Int64
}

// NewCommitCutter listens on loopback and passes on to upstream.
func NewCommitCutter(upstream string) (*CommitCutter, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it is bound at once
	if err != nil {
		return nil, fmt.Errorf("listening before the database: %w", err)
	}
	c := &CommitCutter{upstream: upstream, listener: l}
	go c.serve()
	return c, nil
}

// Addr is where clients connect.
func (c *CommitCutter) Addr() string { return c.listener.Addr().String() }

// Arm has the next n answers of commits cut.
func (c *CommitCutter) Arm(n int) { c.left.Store(int64(n)) }

// Cuts is the number of answers that were cut.
func (c *CommitCutter) Cuts() int { return int(c.cut.Load()) }

// Close ends the listening; connections end with their sides.
func (c *CommitCutter) Close() error { return c.listener.Close() }

func (c *CommitCutter) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		go c.pass(client)
	}
}

func (c *CommitCutter) pass(client net.Conn) {
	defer client.Close()                       //nolint:errcheck // cutting is the purpose
	server, err := net.Dial("tcp", c.upstream) //nolint:noctx // ends with the server
	if err != nil {
		return
	}
	defer server.Close() //nolint:errcheck // likewise
	go func() {
		_, _ = io.Copy(server, client) // either side may go away
		_ = server.Close()
	}()
	// The answers of a server are messages: a type, a length that counts
	// itself, and the rest (PostgreSQL 15, section 55.7).
	head := make([]byte, 5)
	for {
		if _, err := io.ReadFull(server, head); err != nil {
			return
		}
		message := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
		copy(message, head)
		if _, err := io.ReadFull(server, message[5:]); err != nil {
			return
		}
		if head[0] == 'C' && string(message[5:]) == "COMMIT\x00" && c.take() {
			return
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}

// take uses up one of the cuts that are left.
func (c *CommitCutter) take() bool {
	for {
		n := c.left.Load()
		if n <= 0 {
			return false
		}
		if c.left.CompareAndSwap(n, n-1) {
			c.cut.Add(1)
			return true
		}
	}
}
