package apirunner

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
)

func TestPatientConn(t *testing.T) {
	for _, ends := range []string{"by a write", "by its end"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			c := newPatientConn(near)
			go func() {
				_, _ = io.WriteString(far, "banner")
				_, _ = io.Copy(io.Discard, far)
			}()
			read := make(chan int, 1)
			go func() {
				n, _ := c.Read(make([]byte, 16))
				read <- n
			}()
			synctest.Wait()
			if len(read) > 0 {
				t.Fatal("something was read before the first write")
			}
			want := 0
			if ends == "by a write" {
				want = len("banner")
				if _, err := io.WriteString(c, "request"); err != nil {
					t.Fatal(err)
				}
			} else {
				_ = c.Close()
			}
			if n := <-read; n != want {
				t.Errorf("ended %s: %d bytes were read", ends, n)
			}
			_, _ = c.Close(), far.Close()
		})
	}
}

// What net/http reports after the end changes nothing.
func TestWatchStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatch()
		w.enter(waiting)
		want := w.stop()
		w.enter(connecting)
		if got := w.stop(); got != want || w.at() != waiting {
			t.Errorf("timings %+v, stage %d", got, w.at())
		}
	})
}
