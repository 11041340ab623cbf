package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	cutChecks = 200
	cutEvery  = 10 * time.Second
	// The location's resolver, its targets and its canaries each have an
	// address of loopback.
	resolverAddr = "127.77.0.53:53"
	targetIP     = "127.77.0.1"
	canaryIP     = "127.77.0.2"
)

// internet is what a location sees beyond its own walls: a resolver, targets
// and canaries. It can be cut off and joined again.
type internet struct {
	t              *testing.T
	dns            net.PacketConn
	target, canary *http.Server
	targetPort     string
	canaryPort     string
}

func (n *internet) listen(ip, port string) (*http.Server, string) {
	n.t.Helper()
	var l net.Listener
	eventually(n.t, time.Minute, func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort(ip, port))
		return err
	})
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "well") })}
	go func() { _ = s.Serve(l) }()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return s, port
}

func (n *internet) startDNS() {
	n.t.Helper()
	eventually(n.t, time.Minute, func() (err error) {
		n.dns, err = net.ListenPacket("udp", resolverAddr)
		return err
	})
	go serveNames(n.dns)
}

// join lets everything answer; the targets first, as a cut ends for all at
// once.
func (n *internet) join() {
	n.startDNS()
	n.target, n.targetPort = n.listen(targetIP, n.targetPort)
	n.canary, n.canaryPort = n.listen(canaryIP, n.canaryPort)
}

// cut lets nothing answer; the canaries first, as a cut begins for all at once.
func (n *internet) cut() {
	_ = n.canary.Close()
	_ = n.dns.Close()
	_ = n.target.Close()
}

// serveNames answers every question for an A record: targets under
// target.test, canaries under canary.test; for others it says that there is
// none.
func serveNames(c net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if n < 17 {
			continue
		}
		q := buf[:n]
		end := 12
		var labels []string
		for end < n && q[end] != 0 && end+1+int(q[end]) < n {
			labels = append(labels, string(q[end+1:end+1+int(q[end])]))
			end += 1 + int(q[end])
		}
		end += 5 // the root, type and class
		if end > n {
			continue
		}
		name := strings.ToLower(strings.Join(labels, "."))
		reply := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		ip := net.ParseIP(targetIP).To4()
		switch {
		case strings.HasSuffix(name, "canary.test"):
			ip = net.ParseIP(canaryIP).To4()
		case !strings.HasSuffix(name, "target.test"):
			reply[3] |= 3 // NXDOMAIN
		}
		if binary.BigEndian.Uint16(q[end-4:]) == 1 && reply[3]&0xf == 0 {
			reply[7] = 1
			reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4)
			reply = append(reply, ip...)
		}
		_, _ = c.WriteTo(reply, from)
	}
}

// wrapped makes a command that runs the worker with a resolver of its own. Its
// patience is close to what a location has by default (5 s, twice), so that a
// busy machine is not taken for a resolver that lost a question; one that is
// gone refuses at once.
func wrapped(t *testing.T, dir string) string {
	t.Helper()
	resolv := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 127.77.0.53\noptions timeout:3 attempts:2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const inside = `mount --bind "$RESOLV" /etc/resolv.conf && exec "$0" "$@"`
	if out, err := exec.Command("unshare", "-m", "sh", "-c", `mount --bind "$0" /etc/resolv.conf`, resolv).CombinedOutput(); err != nil {
		t.Skipf("giving the worker a resolver of its own needs root and mount namespaces: %v %s", err, out)
	}
	script := fmt.Sprintf("#!/bin/sh\nRESOLV='%s' exec unshare -m --propagation private sh -c '%s' \"$(dirname \"$0\")/worker\" \"$@\"\n", resolv, inside)
	const name = "worker-elsewhere"
	if err := os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestLocationCut cuts the location of a small fleet for as long as it takes
// to be noticed.
func TestLocationCut(t *testing.T) { locationCut(t, 0) }

// TestBarLocationCut cuts it for minutes. It runs alone: what cannot be asked
// within seconds is taken for away, on a machine that is too busy to answer too.
func TestBarLocationCut(t *testing.T) {
	seed := bar(t)
	span := form.Span(30*time.Second, 5*time.Minute)
	alerts, runs := locationCut(t, span)
	report(!t.Failed(), "location cut off", seed, "%d checks without DNS, then %s without network and DNS: false down 0, one alert each after %s, limit %s; runs %v",
		cutChecks, span, alerts, cutAlert, runs)
}

// cutAlert is how soon a cut must be told of: two intervals, and how late the
// recorder may notice what is in the database.
const cutAlert = 2*cutEvery + locationLook

// locationCut cuts the network and the DNS of a location while 200 checks run,
// first the DNS alone, then both for at least span: no check is down, the
// location is declared unhealthy once within two intervals, and healthy again
// afterwards. It answers how long the alerts took, and the runs by outcome.
func locationCut(t *testing.T, span time.Duration) (alerts []time.Duration, runs map[string]int) {
	f := newFleet(t)
	name := wrapped(t, f.dir)
	n := &internet{t: t, targetPort: "0", canaryPort: "0"}
	n.join()
	t.Cleanup(func() { n.cut() })
	var canaries []string
	for _, host := range []string{"one", "two", "three"} {
		canaries = append(canaries, host+".canary.test:"+n.canaryPort)
	}
	w := f.daemon(t, name, "-location", "local", "-allow-private", "-browser-slots", "0", "-api-slots", "50", "-canaries", strings.Join(canaries, ","))

	var file strings.Builder
	fmt.Fprintf(&file, "defaults: {every: %s, timeout: 8s}\nchecks:\n", cutEvery)
	for i := range cutChecks {
		fmt.Fprintf(&file, "  - {id: cut-%03d, request: \"http://c%d.target.test:%s/\", expect: [status == 200]}\n", i, i, n.targetPort)
	}
	path := filepath.Join(f.dir, "cut.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f.apply(t, path)
	measured := func(since time.Time) func() error {
		return func() error {
			passed := f.count(t, `SELECT count(DISTINCT check_id) FROM runs WHERE outcome = 'passed' AND slot > $1`, since)
			return expectf(passed == cutChecks, "%d of %d checks passed: %v", passed, cutChecks, f.faults(t))
		}
	}
	eventually(t, time.Minute, measured(time.Time{}))
	unhealthy := func() int { return f.count(t, `SELECT count(*) FROM location_events WHERE NOT healthy`) }
	if n := unhealthy(); n != 0 {
		t.Fatalf("%d alerts while all was well", n)
	}

	// Without DNS, targets do not resolve; the canaries still have addresses.
	began := time.Now()
	_ = n.dns.Close()
	alerts = append(alerts, f.cutIsTold(t, 1, began))
	n.startDNS()
	eventually(t, time.Minute, measured(time.Now()))
	eventually(t, time.Minute, func() error {
		return expectf(f.count(t, `SELECT count(*) FROM location_health WHERE healthy`) == 1, "the location is not healthy again")
	})

	began = time.Now()
	n.cut()
	alerts = append(alerts, f.cutIsTold(t, 2, began))
	eventually(t, time.Minute, func() error {
		n := f.count(t, `SELECT count(DISTINCT check_id) FROM runs WHERE fault_class = 'location' AND slot > $1`, began)
		return expectf(n == cutChecks, "%d checks met the cut: %v", n, f.faults(t))
	})
	pause(t, time.Until(began.Add(span)))
	n.join()
	eventually(t, time.Minute, measured(time.Now()))
	eventually(t, time.Minute, func() error {
		return expectf(f.count(t, `SELECT count(*) FROM location_health WHERE healthy`) == 1, "the location is not healthy again")
	})

	t.Logf("alerts after %s; runs by outcome and class: %v", alerts, f.faults(t))
	if n := f.count(t, `SELECT count(*) FROM runs WHERE outcome = 'failed'`); n != 0 {
		t.Errorf("%d false down: %v", n, f.faults(t))
	}
	if n := f.count(t, `SELECT coalesce(sum(failed), 0)::int FROM rollups`); n != 0 {
		t.Errorf("%d are counted as failed", n)
	}
	if n := unhealthy(); n != 2 {
		t.Errorf("%d alerts for two outages", n)
	}
	if n := f.count(t, `SELECT count(*) FROM runs WHERE attempt > 1`); n == 0 {
		t.Error("nothing was run again")
	}
	// However often a slot was tried, it is counted once. One statement asks for
	// both, as the fleet goes on recording.
	if n := f.count(t, `SELECT (SELECT sum(passed + failed + degraded + inconclusive + expired) FROM rollups WHERE grain = 'day')::int
		- (SELECT count(DISTINCT (check_id, slot)) FROM runs)::int`); n != 0 {
		t.Errorf("%d slots more are counted than were run", n)
	}
	runs = f.faults(t)
	f.stopAll(t, w)
	return alerts, runs
}

// locationLook is how late the recorder may notice what is in the database.
const locationLook = 6 * time.Second

// cutIsTold waits for the nth alert, of a cut that began then, and answers how
// long it took. Two intervals, and the time of a look, are all that it may have
// gone by; they are counted in runs, which a busy machine makes later too.
func (f *fleet) cutIsTold(t *testing.T, nth int, began time.Time) time.Duration {
	t.Helper()
	eventually(t, stalled, func() error {
		n := f.count(t, `SELECT count(*) FROM location_events WHERE NOT healthy`)
		return expectf(n == nth, "%d alerts, want %d: %v", n, nth, f.faults(t))
	})
	took := time.Since(began).Round(time.Second)
	known := f.count(t, `SELECT coalesce(max(n), 0)::int FROM (
		SELECT count(DISTINCT slot) AS n FROM runs
		WHERE slot > $1 AND finished_at < (SELECT max(at) FROM location_events WHERE NOT healthy) - $2::interval GROUP BY check_id
	) ended`, began, locationLook)
	if known > 2 {
		t.Errorf("alert %d came after %s: %d slots of a check had ended %s before it, want at most 2 (as in %s)", nth, took, known, locationLook, cutAlert)
	}
	return took
}

// faults counts the runs by outcome and class of fault.
func (f *fleet) faults(t testing.TB) map[string]int {
	t.Helper()
	rows, err := f.db.Query(t.Context(), `SELECT outcome || ' ' || fault_class || ' ' || attempt, count(*) FROM runs GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]int{}
	for rows.Next() {
		var key string
		var n int
		if err := rows.Scan(&key, &n); err != nil {
			t.Fatal(err)
		}
		found[key] = n
	}
	return found
}
