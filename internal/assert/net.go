package assert

import (
	"maps"
	"time"

	"github.com/probefleet/probefleet/internal/check"
)

// Net is what assertions of a check of the network look at: of tcp, dns, tls,
// icmp, grpc and websocket. Each kind uses some of the fields; the others have
// no name there.
type Net struct {
	// Connected says whether there was a connection, or an answer to a ping.
	Connected bool
	// Body is what was received.
	Body string
	// Headers are those of the answer to a WebSocket's handshake, names in
	// lower case, and HTTPStatus is its status.
	Headers    map[string]string
	HTTPStatus int
	// Status is what a gRPC server says of its health: SERVING.
	Status string
	Time   NetTimes
	TLS    NetTLS
	IP     string
	// Rcode, Answers, TTL (the lowest, in seconds) and Authoritative are of a
	// DNS answer.
	Rcode         string
	Answers       []string
	TTL           int
	Authoritative bool
	// Sent and Received count pings.
	Sent, Received int
	// ExitCode is that of a job's run, Timed says whether it told when it began:
	// then Time.Total is how long it took.
	ExitCode int
	Timed    bool
}

// NetTimes are the phases of an attempt; those that did not happen are 0.
type NetTimes struct {
	DNS, Connect, TLS, FirstByte, Total time.Duration
	// Min, Avg and Max are of the answers to pings.
	Min, Avg, Max time.Duration
}

// NetTLS describes a connection with TLS; it is not where Version is "".
type NetTLS struct {
	DaysLeft                 int
	Version, Issuer, Subject string
	// Names are the hosts that the certificate is for.
	Names []string
	// Chain counts the certificates that the server sent, Verified says
	// whether they lead to a known authority and are for the host.
	Chain    int
	Verified bool
}

type netTLSWords struct {
	DaysLeft int      `expr:"days_left"`
	Version  string   `expr:"version"`
	Issuer   string   `expr:"issuer"`
	Subject  string   `expr:"subject"`
	Names    []string `expr:"names"`
	Chain    int      `expr:"chain"`
	Verified bool     `expr:"verified"`
}

type connTimeWords struct {
	Total   time.Duration `expr:"total"`
	DNS     time.Duration `expr:"dns"`
	Connect time.Duration `expr:"connect"`
	TLS     time.Duration `expr:"tls"`
}

type talkTimeWords struct {
	Total     time.Duration `expr:"total"`
	DNS       time.Duration `expr:"dns"`
	Connect   time.Duration `expr:"connect"`
	TLS       time.Duration `expr:"tls"`
	FirstByte time.Duration `expr:"first_byte"`
}

type pingTimeWords struct {
	Total time.Duration `expr:"total"`
	DNS   time.Duration `expr:"dns"`
	Min   time.Duration `expr:"min"`
	Avg   time.Duration `expr:"avg"`
	Max   time.Duration `expr:"max"`
}

type tcpWords struct {
	Connected bool          `expr:"connected"`
	Body      string        `expr:"body"`
	JSON      any           `expr:"json"`
	Size      int           `expr:"size"`
	Time      talkTimeWords `expr:"time"`
	TLS       netTLSWords   `expr:"tls"`
	IP        string        `expr:"ip"`
}

type dnsWords struct {
	Rcode         string        `expr:"rcode"`
	Answers       []string      `expr:"answers"`
	TTL           int           `expr:"ttl"`
	Authoritative bool          `expr:"authoritative"`
	Time          connTimeWords `expr:"time"`
	IP            string        `expr:"ip"`
}

type tlsCheckWords struct {
	TLS  netTLSWords   `expr:"tls"`
	Time connTimeWords `expr:"time"`
	IP   string        `expr:"ip"`
}

type icmpWords struct {
	Connected bool          `expr:"connected"`
	Sent      int           `expr:"sent"`
	Received  int           `expr:"received"`
	Loss      float64       `expr:"loss"`
	Time      pingTimeWords `expr:"time"`
	IP        string        `expr:"ip"`
}

type grpcWords struct {
	Status string        `expr:"status"`
	Time   talkTimeWords `expr:"time"`
	TLS    netTLSWords   `expr:"tls"`
	IP     string        `expr:"ip"`
}

type websocketWords struct {
	Status  int               `expr:"status"`
	Headers map[string]string `expr:"headers"`
	Body    string            `expr:"body"`
	JSON    any               `expr:"json"`
	Size    int               `expr:"size"`
	Time    talkTimeWords     `expr:"time"`
	TLS     netTLSWords       `expr:"tls"`
	IP      string            `expr:"ip"`
}

type runTimeWords struct {
	Total time.Duration `expr:"total"`
}

type heartbeatWords struct {
	ExitCode int          `expr:"exit_code"`
	Body     string       `expr:"body"`
	JSON     any          `expr:"json"`
	Size     int          `expr:"size"`
	Time     runTimeWords `expr:"time"`
	IP       string       `expr:"ip"`
}

// netKinds has the words of each kind of check of the network.
var netKinds = map[check.Kind]*names{
	check.KindTCP:       {env: tcpWords{}, read: netReaders, example: "`body startsWith '+PONG'`", whose: "a tcp check"},
	check.KindDNS:       {env: dnsWords{}, read: netReaders, example: "`'192.0.2.1' in answers`", whose: "a dns check"},
	check.KindTLS:       {env: tlsCheckWords{}, read: netReaders, example: "`tls.days_left > 14`", whose: "a tls check"},
	check.KindICMP:      {env: icmpWords{}, read: netReaders, example: "`loss < 50`", whose: "an icmp check"},
	check.KindGRPC:      {env: grpcWords{}, read: netReaders, example: "`status == 'SERVING'`", whose: "a grpc check"},
	check.KindWebSocket: {env: websocketWords{}, read: websocketReaders(), example: "`json.type == 'pong'`", whose: "a websocket check"},
	check.KindHeartbeat: {env: heartbeatWords{}, read: heartbeatReaders(), example: "`exit_code == 0`", whose: "a heartbeat"},
}

// netReaders read what a word, or a path of two, stands for. Which of them a
// kind has is in its env.
var netReaders = map[string]func(*frame) any{
	"connected":       func(f *frame) any { return f.seen.net.Connected },
	"body":            func(f *frame) any { return f.seen.net.Body },
	"json":            func(f *frame) any { return f.seen.document() },
	"size":            func(f *frame) any { return len(f.seen.net.Body) },
	"status":          func(f *frame) any { return f.seen.net.Status },
	"headers":         func(f *frame) any { return headers(f.seen.net.Headers) },
	"ip":              func(f *frame) any { return known("ip", f.seen.net.IP) },
	"rcode":           func(f *frame) any { return f.seen.net.Rcode },
	"answers":         func(f *frame) any { return f.seen.net.Answers },
	"ttl":             func(f *frame) any { return ttl(f.seen.net) },
	"authoritative":   func(f *frame) any { return f.seen.net.Authoritative },
	"sent":            func(f *frame) any { return f.seen.net.Sent },
	"received":        func(f *frame) any { return f.seen.net.Received },
	"loss":            func(f *frame) any { return loss(f.seen.net) },
	"time.total":      func(f *frame) any { return f.seen.net.Time.Total },
	"time.dns":        func(f *frame) any { return f.seen.net.Time.DNS },
	"time.connect":    func(f *frame) any { return f.seen.net.Time.Connect },
	"time.tls":        func(f *frame) any { return f.seen.net.Time.TLS },
	"time.first_byte": func(f *frame) any { return f.seen.net.Time.FirstByte },
	"time.min":        answeredPing("time.min", func(t NetTimes) time.Duration { return t.Min }),
	"time.avg":        answeredPing("time.avg", func(t NetTimes) time.Duration { return t.Avg }),
	"time.max":        answeredPing("time.max", func(t NetTimes) time.Duration { return t.Max }),
	"tls.days_left":   encrypted("tls.days_left", func(t NetTLS) any { return t.DaysLeft }),
	"tls.version":     encrypted("tls.version", func(t NetTLS) any { return t.Version }),
	"tls.issuer":      encrypted("tls.issuer", func(t NetTLS) any { return t.Issuer }),
	"tls.subject":     encrypted("tls.subject", func(t NetTLS) any { return t.Subject }),
	"tls.names":       encrypted("tls.names", func(t NetTLS) any { return t.Names }),
	"tls.chain":       encrypted("tls.chain", func(t NetTLS) any { return t.Chain }),
	"tls.verified":    encrypted("tls.verified", func(t NetTLS) any { return t.Verified }),
}

// websocketReaders are netReaders with the status of HTTP.
func websocketReaders() map[string]func(*frame) any {
	all := map[string]func(*frame) any{"status": func(f *frame) any { return f.seen.net.HTTPStatus }}
	for word, read := range netReaders {
		if all[word] == nil {
			all[word] = read
		}
	}
	return all
}

// heartbeatReaders are netReaders with the time of a job's run.
func heartbeatReaders() map[string]func(*frame) any {
	all := maps.Clone(netReaders)
	all["exit_code"] = func(f *frame) any { return f.seen.net.ExitCode }
	all["time.total"] = func(f *frame) any {
		if !f.seen.net.Timed {
			return missingf("time.total is missing: the job did not say when it began; let it call its address with /start first")
		}
		return f.seen.net.Time.Total
	}
	return all
}

func known(word, value string) any {
	if value == "" {
		return missingf("%s is missing: nothing was connected to", word)
	}
	return value
}

func ttl(n Net) any {
	if len(n.Answers) == 0 {
		return missingf("ttl is missing: there are no answers")
	}
	return n.TTL
}

// loss is the share of pings without an answer, in percent.
func loss(n Net) float64 {
	if n.Sent == 0 {
		return 100
	}
	return 100 * float64(n.Sent-n.Received) / float64(n.Sent)
}

// answeredPing reads a time that is known where a ping was answered.
func answeredPing(word string, read func(NetTimes) time.Duration) func(*frame) any {
	return func(f *frame) any {
		if f.seen.net.Received == 0 {
			return missingf("%s is missing: no ping was answered", word)
		}
		return read(f.seen.net.Time)
	}
}

// encrypted reads a word that has a meaning on TLS connections only.
func encrypted(word string, read func(NetTLS) any) func(*frame) any {
	return func(f *frame) any {
		if f.seen.net.TLS.Version == "" {
			return missingf("%s is missing: the connection was not TLS", word)
		}
		return read(f.seen.net.TLS)
	}
}
