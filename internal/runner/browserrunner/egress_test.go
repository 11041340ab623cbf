//go:build linux

package browserrunner

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probefleet/probefleet/internal/child"
	"github.com/probefleet/probefleet/internal/egress"
	"github.com/probefleet/probefleet/internal/jobs"
)

// The world of TestEgress: two network namespaces with a wire between. In one
// a browser runs; every packet that comes out of it arrives in the other,
// where an allowed target listens and everything else is counted.
const (
	egressEnv  = "PROBEFLEET_TEST_EGRESS" // makes the test binary a part of it
	wireIn     = "10.98.7.2"              // the browser's end
	wireOut    = "10.98.7.1"              // everybody else's
	allowed    = "10.98.7.10:8080"
	sentinel   = "10.98.7.66"
	metadata   = "169.254.169.254"
	nameserver = "10.98.7.53"
)

// vectors are the ways out that a page has, with the packets that show it was
// taken: protocol, port.
var vectors = map[string]string{
	"navigation by a step":  "tcp 7001",
	"navigation by a link":  "tcp 7002",
	"iframe":                "tcp 7003",
	"popup":                 "tcp 7004",
	"WebSocket":             "tcp 7005",
	"dedicated worker":      "tcp 7006",
	"shared worker":         "tcp 7007",
	"service worker":        "tcp 7008",
	"WebRTC":                "udp 7009",
	"prefetch":              "tcp 7010",
	"preconnect":            "tcp 7011",
	"DNS prefetch":          "udp 53",
	"metadata of the cloud": "tcp 7012",
	"fetch":                 "tcp 7013",
	"image":                 "tcp 7014",
	"beacon":                "tcp 7015",
	"event stream":          "tcp 7016",
}

// hints are ways that the headless shell does not take at all, and the full
// browser does: fullEnv names one, for a test of these too.
var hints = []string{"preconnect", "DNS prefetch"}

const fullEnv = "PROBEFLEET_TEST_FULL_BROWSER"

const wayward = `<!doctype html><title>Wayward</title><body>
<p id="state">waiting</p><button id="go">go</button><a id="leave" href="http://SENTINEL:7002/">leave</a>
<script>
const S = 'SENTINEL', said = [];
const quietly = (f) => { try { f() } catch (e) { said.push(String(e)) } };
const link = (rel, href) => { const l = document.createElement('link'); l.rel = rel; l.href = href; document.head.append(l) };
document.querySelector('#go').onclick = () => {
  quietly(() => { const f = document.createElement('iframe'); f.src = 'http://' + S + ':7003/'; document.body.append(f) });
  quietly(() => window.open('http://' + S + ':7004/'));
  quietly(() => new WebSocket('ws://' + S + ':7005/'));
  quietly(() => new Worker('/worker.js?7006'));
  quietly(() => new SharedWorker('/worker.js?7007'));
  quietly(() => navigator.serviceWorker.register('/worker.js?7008'));
  quietly(() => {
    const c = new RTCPeerConnection({iceServers: [{urls: 'stun:' + S + ':7009'}]});
    c.createDataChannel('x'); c.createOffer().then((o) => c.setLocalDescription(o));
  });
  quietly(() => link('prefetch', 'http://' + S + ':7010/'));
  quietly(() => link('preconnect', 'http://' + S + ':7011/'));
  quietly(() => link('dns-prefetch', 'http://name.example/'));
  quietly(() => fetch('http://METADATA:7012/', {mode: 'no-cors'}).catch(() => {}));
  quietly(() => fetch('http://' + S + ':7013/', {mode: 'no-cors'}).catch(() => {}));
  quietly(() => { new Image().src = 'http://' + S + ':7014/' });
  quietly(() => navigator.sendBeacon('http://' + S + ':7015/'));
  quietly(() => new EventSource('http://' + S + ':7016/'));
  fetch('http://ALLOWED/', {mode: 'no-cors'}).then(() => said.push('allowed reached'), () => {});
  setTimeout(() => { document.querySelector('#state').textContent = 'done ' + said.join() }, 2500);
};
</script>`

const waywardWorker = `fetch('http://SENTINEL:' + location.search.slice(1) + '/', {mode: 'no-cors'}).catch(() => {})`

// TestEgress shows that nothing but the allowed target is reached from a page,
// whatever it tries, and that without the guard each way would be taken.
func TestEgress(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces are made by root alone; CI is root")
	}
	wire(t)
	guarded := sendOut(t, "guarded")
	for way, packets := range vectors {
		if guarded[packets] > 0 {
			t.Errorf("%s: %d packets (%s) got out", way, guarded[packets], packets)
		}
	}
	for packets, n := range guarded {
		if packets != "allowed" {
			t.Errorf("%d packets (%s) got out", n, packets)
		}
	}
	if guarded["allowed"] == 0 {
		t.Error("the allowed target was not reached")
	}

	open := sendOut(t, "unguarded")
	for way, packets := range vectors {
		if open[packets] == 0 && (os.Getenv(fullEnv) != "" || !slices.Contains(hints, way)) {
			t.Errorf("%s: not even without the guard did a packet (%s) get out: this test shows nothing of it", way, packets)
		}
	}
}

// wire makes the namespaces.
func wire(t *testing.T) {
	t.Helper()
	for _, ns := range []string{"in", "out"} {
		ns := namespace(ns)
		etc := filepath.Join("/etc/netns", ns)
		if err := os.MkdirAll(etc, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("nameserver "+nameserver+"\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		ip(t, "netns add "+ns)
		t.Cleanup(func() {
			_ = exec.Command("ip", "netns", "del", ns).Run()
			_ = os.RemoveAll(etc)
			_ = os.Remove("/etc/netns") // where it is empty
		})
	}
	in, out := namespace("in"), namespace("out")
	ip(t, "-n "+in+" link add wire type veth peer name wire netns "+out)
	for _, ns := range []string{in, out} {
		ip(t, "-n "+ns+" link set lo up")
		ip(t, "-n "+ns+" link set wire up")
	}
	ip(t, "-n "+in+" addr add "+wireIn+"/24 dev wire")
	host, _, _ := net.SplitHostPort(allowed)
	for _, a := range []string{wireOut, host, sentinel, nameserver} {
		ip(t, "-n "+out+" addr add "+a+"/24 dev wire")
	}
	ip(t, "-n "+out+" addr add "+metadata+"/32 dev wire")
	ip(t, "-n "+in+" route add default via "+wireOut)
}

func namespace(name string) string { return fmt.Sprintf("probefleet-%s-%d", name, os.Getpid()) }

func ip(t *testing.T, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

// sendOut runs the wayward page behind the wire and returns what came out.
func sendOut(t *testing.T, how string) map[string]int {
	t.Helper()
	start := func(ns, part string, more ...string) (*exec.Cmd, io.WriteCloser, *bufio.Reader) {
		cmd := exec.Command("ip", "netns", "exec", namespace(ns), os.Args[0])
		cmd.Env = append(append(os.Environ(), egressEnv+"="+part), more...)
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
		return cmd, stdin, bufio.NewReader(stdout)
	}
	_, stop, counts := start("out", "sentinel")
	if line, err := counts.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	_, _, browser := start("in", how, helperEnv+"_DIR="+folder(t))
	for { // the steps, then the end
		line, err := browser.ReadString('\n')
		if err != nil {
			t.Fatal("the browser's part ended early: ", line, err)
		}
		t.Logf("%s: %s", how, strings.TrimSpace(line))
		if strings.HasPrefix(line, "end") {
			break
		}
	}
	_ = stop.Close()
	seen := map[string]int{}
	if err := json.NewDecoder(counts).Decode(&seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// egressHelper is a part of TestEgress in its own process; it never returns.
func egressHelper(part string) {
	if part == "sentinel" {
		watchWire()
	} else if err := goAstray(part == "unguarded"); err != nil {
		fmt.Println("end:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// watchWire counts the packets that arrive until standard input ends.
func watchWire() {
	const everyPacketOfIP = 0x0008 // ETH_P_IP in network order
	fd, err := syscall.Socket(syscall.AF_PACKET, syscall.SOCK_DGRAM, everyPacketOfIP)
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", allowed)
	if err != nil {
		panic(err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!doctype html><title>Allowed</title><body>here I am")
	}))
	var mu sync.Mutex
	seen := map[string]int{}
	host, _, _ := net.SplitHostPort(allowed)
	go func() {
		packet := make([]byte, 1<<16)
		for {
			n, from, err := syscall.Recvfrom(fd, packet, 0)
			if err != nil || n < 20 {
				continue
			}
			if l, ok := from.(*syscall.SockaddrLinklayer); ok && l.Pkttype == syscall.PACKET_OUTGOING {
				continue
			}
			header := int(packet[0]&15) * 4
			src, dst := netip.AddrFrom4([4]byte(packet[12:16])), netip.AddrFrom4([4]byte(packet[16:20]))
			const igmp = 2 // the kernel's own, about multicast groups
			if src.String() != wireIn || packet[9] == igmp {
				continue
			}
			name := fmt.Sprintf("protocol %d to %s", packet[9], dst)
			if protocol := map[byte]string{6: "tcp", 17: "udp"}[packet[9]]; protocol != "" && n >= header+4 {
				name = fmt.Sprintf("%s %d", protocol, binary.BigEndian.Uint16(packet[header+2:]))
			}
			if dst.String() == host {
				name = "allowed"
			}
			mu.Lock()
			seen[name]++
			mu.Unlock()
		}
	}()
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	mu.Lock()
	defer mu.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(seen)
}

// goAstray runs the wayward page, and says how each step went.
func goAstray(unguarded bool) error {
	words := strings.NewReplacer("SENTINEL", sentinel, "METADATA", metadata, "ALLOWED", allowed)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/worker.js" {
			w.Header().Set("Content-Type", "text/javascript")
			fmt.Fprint(w, words.Replace(waywardWorker))
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, words.Replace(wayward))
	}))
	account, err := child.Unprivileged(child.DefaultAccount)
	if err != nil {
		return err
	}
	policy := egress.NewPolicy([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.98.7.10/32")}, nil)
	r := New(Options{
		Path: os.Getenv(fullEnv), Account: account, Dir: os.Getenv(helperEnv + "_DIR"), Control: policy.Control, unguarded: unguarded,
	})
	defer r.Close()
	for _, j := range []jobs.Job{
		job(open(s.URL), click("#go"), within(15*time.Second, text("#state", "done"))),
		job(open(s.URL), click("#leave"), within(time.Second, text("", "never"))),
		job(open("http://" + sentinel + ":7001/")),
		job(open("http://"+allowed), text("", "here I am")),
	} {
		j.Check.Timeout = 20 * time.Second
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		res, err := r.Run(ctx, j)
		cancel()
		if err != nil {
			return err
		}
		if res.Fault == nil {
			res.Fault = &jobs.Fault{}
		}
		fmt.Printf("%s %s %s\n", res.Outcome, res.Fault.Class, strings.ReplaceAll(res.Fault.Message, "\n", " "))
	}
	fmt.Println("end")
	return nil
}

// TestOnlyTheWeb: what is not http or https is opened by no way at all.
func TestOnlyTheWeb(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(folder(t), "secret.html")
	if err := os.WriteFile(secret, []byte("<title>canary</title>"), 0o644); err != nil {
		t.Fatal(err)
	}
	addresses := map[string]string{
		"file": "file://" + secret, "ftp": "ftp://127.0.0.1/", "chrome": "chrome://version/",
		"view-source": "view-source:http://127.0.0.1/", "devtools": "devtools://devtools/bundled/inspector.html",
	}
	for name, address := range addresses {
		t.Run("step/"+name, func(t *testing.T) {
			t.Parallel()
			faults(t, run(t, open(address)), jobs.Failed, jobs.FaultEgress, "only http and https")
		})
	}
	body := `<iframe name="frame"></iframe>`
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		body += fmt.Sprintf(`<a id="go-%s" href="%s">go</a> <button id="pop-%s" onclick="window.open('%s')">pop</button>
			<a id="frame-%s" href="%s" target="frame">frame</a>`, name, addresses[name], name, addresses[name], name, addresses[name])
	}
	s := site(t, map[string]string{"/": body + `<p>still here</p>`})
	for name := range addresses {
		t.Run("page/"+name, func(t *testing.T) {
			t.Parallel()
			res := run(t, open(s.URL), click("#frame-"+name), click("#pop-"+name), click("#go-"+name), text("", "still here"))
			passes(t, res)
			if res.Evidence.Page.URL != s.URL+"/" {
				t.Errorf("the page is at %q", res.Evidence.Page.URL)
			}
		})
	}
}
