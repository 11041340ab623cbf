package apirunner

import (
	"net"
	"sync"
)

// patientConn hands nothing to its reader before the first write. A server
// that speaks first is then answered by an error that quotes it, where
// net/http would log its words and call the connection idle.
type patientConn struct {
	net.Conn
	spoken chan struct{}
	once   sync.Once
}

func newPatientConn(c net.Conn) *patientConn {
	return &patientConn{Conn: c, spoken: make(chan struct{})}
}

func (c *patientConn) speak() { c.once.Do(func() { close(c.spoken) }) }

func (c *patientConn) Read(b []byte) (int, error) {
	<-c.spoken
	return c.Conn.Read(b)
}

func (c *patientConn) Write(b []byte) (int, error) {
	c.speak()
	return c.Conn.Write(b)
}

// Close ends a pending Read too.
func (c *patientConn) Close() error {
	err := c.Conn.Close()
	c.speak()
	return err
}
