//go:build linux

package browserrunner

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// rawCDP speaks the protocol by hand over a pipe, without any library: the
// floor that the others are held against.
type rawCDP struct {
	write   *os.File
	lock    sync.Mutex
	id      atomic.Int64
	replies sync.Map // id → chan rawMessage
	loads   sync.Map // session → chan struct{}
	// What was said: awaited commands, events, bytes.
	calls, events, bytes atomic.Int64
}

// rawPatience is long: this machine may be busy.
const rawPatience = 30 * time.Second

type rawMessage struct {
	ID      int64           `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func (c *rawCDP) read(f *os.File) {
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m rawMessage
		if json.Unmarshal(data[:len(data)-1], &m) != nil {
			continue
		}
		c.bytes.Add(int64(len(data)))
		if m.Method != "" {
			c.events.Add(1)
		}
		if reply, ok := c.replies.LoadAndDelete(m.ID); ok && m.ID != 0 {
			reply.(chan rawMessage) <- m
		} else if m.Method == "Page.loadEventFired" {
			if load, ok := c.loads.Load(m.Session); ok {
				load.(chan struct{}) <- struct{}{}
			}
		}
	}
}

func (c *rawCDP) send(session, method string, params any) chan rawMessage {
	id, reply := c.id.Add(1), make(chan rawMessage, 1)
	c.replies.Store(id, reply)
	m := map[string]any{"id": id, "method": method, "params": params}
	if session != "" {
		m["sessionId"] = session
	}
	data, _ := json.Marshal(m)
	c.bytes.Add(int64(len(data)))
	c.lock.Lock()
	defer c.lock.Unlock()
	_, _ = c.write.Write(append(data, 0))
	return reply
}

type object = map[string]any

func (c *rawCDP) call(session, method string, params any, result any) error {
	c.calls.Add(1)
	var m rawMessage
	select {
	case m = <-c.send(session, method, params):
	case <-time.After(rawPatience):
		return fmt.Errorf("%s: no answer", method)
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %s", method, m.Error.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(m.Result, result)
}

func wait(load <-chan struct{}) error {
	select {
	case <-load:
		return nil
	case <-time.After(rawPatience):
		return fmt.Errorf("the page did not load")
	}
}

func (c *rawCDP) evaluate(session, expression string, value any) error {
	var r struct {
		Result struct{ Value json.RawMessage }
	}
	if err := c.call(session, "Runtime.evaluate", object{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r); err != nil {
		return err
	}
	if value == nil {
		return nil
	}
	return json.Unmarshal(r.Result.Value, value)
}

func (c *rawCDP) flow(url, format string) error {
	var made struct{ BrowserContextID, TargetID, SessionID string }
	if err := c.call("", "Target.createBrowserContext", object{"disposeOnDetach": true}, &made); err != nil {
		return err
	}
	// As ours does: nobody waits for the end of a context.
	defer c.send("", "Target.disposeBrowserContext", object{"browserContextId": made.BrowserContextID})
	if err := c.call("", "Target.createTarget", object{
		"url": "about:blank", "browserContextId": made.BrowserContextID, "newWindow": true, "width": check.DefaultWidth, "height": check.DefaultHeight,
	}, &made); err != nil {
		return err
	}
	if err := c.call("", "Target.attachToTarget", object{"targetId": made.TargetID, "flatten": true}, &made); err != nil {
		return err
	}
	s, load := made.SessionID, make(chan struct{}, 8)
	c.loads.Store(s, load)
	defer c.loads.Delete(s)
	if err := c.call(s, "Page.enable", object{}, nil); err != nil {
		return err
	}
	var went struct{ ErrorText string }
	if err := c.call(s, "Page.navigate", object{"url": url}, &went); err != nil || went.ErrorText != "" {
		return fmt.Errorf("navigating: %s %w", went.ErrorText, err)
	}
	if err := wait(load); err != nil {
		return err
	}
	if err := c.evaluate(s, `document.querySelector('#q').focus()`, nil); err != nil {
		return err
	}
	if err := c.call(s, "Input.insertText", object{"text": "shoes"}, nil); err != nil {
		return err
	}
	var at struct{ X, Y float64 }
	if err := c.evaluate(s, `(() => { const r = document.querySelector('#go').getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2} })()`, &at); err != nil {
		return err
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		if err := c.call(s, "Input.dispatchMouseEvent", object{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil); err != nil {
			return err
		}
	}
	if err := wait(load); err != nil {
		return err
	}
	var shown bool
	if err := c.evaluate(s, `new Promise((done) => { const look = () => document.querySelector('#list').innerText.includes('Item 19') ? done(true) : requestAnimationFrame(look); look() })`, &shown); err != nil || !shown {
		return fmt.Errorf("not shown: %w", err)
	}
	var shot struct{ Data string }
	if err := c.call(s, "Page.captureScreenshot", object{"format": format}, &shot); err != nil {
		return err
	}
	_, err := base64.StdEncoding.DecodeString(shot.Data)
	return err
}

// talk is what was said since the last talk.
func (c *rawCDP) talk() talk {
	calls := int(c.calls.Swap(0))
	return talk{calls, calls, int(c.events.Swap(0)), int(c.bytes.Swap(0))}
}

func rawDriver(t *testing.T, url, name, format string) driver {
	path, err := Find("")
	if err != nil {
		t.Fatal(err)
	}
	dir, a := folder(t), account(t)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.Own(home); err != nil {
		t.Fatal(err)
	}
	theirs, mine, err := pipes()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, append([]string{"--user-data-dir=" + filepath.Join(home, "profile")}, flags...)...)
	a.Prepare(cmd, syscall.SIGKILL)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = environment(home), home, theirs[:2]
	started := make(chan error)
	ended := make(chan struct{})
	go func() { // the signal for our end follows the thread
		runtime.LockOSThread()
		defer close(ended)
		started <- cmd.Start()
		_ = cmd.Wait()
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	c := &rawCDP{write: mine[1]}
	go c.read(mine[0])
	t.Cleanup(func() {
		endGroup(cmd.Process.Pid)
		<-ended
	})
	if err := c.call("", "Browser.getVersion", object{}, nil); err != nil {
		t.Fatal(err)
	}
	c.talk()
	return driver{name, func() error { return c.flow(url, format) }, func() []int { return treeOf([]int{cmd.Process.Pid}) }, c.talk}
}
