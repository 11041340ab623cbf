package shop

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Network is what the shop answers besides HTTP: a till that speaks in lines, a
// stock service with gRPC health, a vault behind TLS, a name server for
// shop.example, and live prices over a WebSocket.
type Network struct {
	till, stock, vault, live net.Listener
	names                    net.PacketConn
	certificate              tls.Certificate
}

// OpenNetwork listens on host at the five ports from first on; 0, and a port
// that is taken, stand for any free one.
func OpenNetwork(ctx context.Context, host string, first int) (*Network, error) {
	n := &Network{}
	var err error
	if n.certificate, err = selfSigned("vault.shop.example"); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	address := func(i int) string {
		if first == 0 {
			return net.JoinHostPort(host, "0")
		}
		return net.JoinHostPort(host, strconv.Itoa(first+i))
	}
	free := net.JoinHostPort(host, "0")
	for i, l := range []*net.Listener{&n.till, &n.stock, &n.vault, nil, &n.live} {
		if l == nil {
			if n.names, err = lc.ListenPacket(ctx, "udp", address(i)); err != nil {
				n.names, err = lc.ListenPacket(ctx, "udp", free)
			}
		} else if *l, err = lc.Listen(ctx, "tcp", address(i)); err != nil {
			*l, err = lc.Listen(ctx, "tcp", free)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the shop's network: %w", err), n.close())
		}
	}
	return n, nil
}

// Vars are the variables of the check file that say where everything is.
func (n *Network) Vars() map[string]string {
	return map[string]string{
		"till": n.till.Addr().String(), "stock": n.stock.Addr().String(), "vault": n.vault.Addr().String(),
		"names": n.names.LocalAddr().String(), "live": "ws://" + n.live.Addr().String() + "/live",
	}
}

// Serve answers until ctx ends.
func (n *Network) Serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	stock, checks := grpc.NewServer(), health.NewServer()
	checks.SetServingStatus("shop.Stock", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(stock, checks)
	names := &dns.Server{PacketConn: n.names, Handler: dns.HandlerFunc(answerName)}
	live := &http.Server{Handler: http.HandlerFunc(answerSocket), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	g.Go(func() error { return n.lines(ctx, n.till) })
	g.Go(func() error {
		return n.lines(ctx, tls.NewListener(n.vault, &tls.Config{Certificates: []tls.Certificate{n.certificate}, MinVersion: tls.VersionTLS13}))
	})
	g.Go(func() error { return over(ctx, stock.Serve(n.stock)) })
	g.Go(func() error { return over(ctx, names.ActivateAndServe()) })
	g.Go(func() error { return over(ctx, live.Serve(n.live)) })
	g.Go(func() error {
		<-ctx.Done()
		stock.Stop()
		_ = live.Close() // nobody is left to be told
		return n.close()
	})
	return g.Wait()
}

// over is the end of a server: none of an error where it was told to end.
func over(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return err
}

func (n *Network) close() error {
	for _, l := range []net.Listener{n.till, n.stock, n.vault, n.live} {
		if l != nil {
			_ = l.Close() // some are closed by their servers
		}
	}
	if n.names != nil {
		_ = n.names.Close()
	}
	return nil
}

// lines answers PRICE and the name of a product with its price.
func (n *Network) lines(ctx context.Context, l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return over(ctx, err)
		}
		go func() {
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			line, err := bufio.NewReaderSize(c, 256).ReadString('\n')
			if err != nil {
				return
			}
			price, ok := priceOf(strings.TrimSpace(strings.TrimPrefix(line, "PRICE ")))
			if !ok {
				fmt.Fprint(c, "ERR no such product\r\n")
				return
			}
			fmt.Fprintf(c, "OK %d.%02d\r\n", price/100, price%100)
		}()
	}
}

// answerSocket tells one price over a WebSocket.
func answerSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.CloseNow() }()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	_, asked, err := c.Read(ctx)
	if err != nil {
		return
	}
	var question struct{ Ask string }
	answer := map[string]any{"error": "no such product"}
	if json.Unmarshal(asked, &question) == nil {
		if price, ok := priceOf(question.Ask); ok {
			answer = map[string]any{"product": question.Ask, "price_cents": price}
		}
	}
	if said, err := json.Marshal(answer); err == nil && c.Write(ctx, websocket.MessageText, said) == nil {
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
}

// answerName knows where mail for the shop goes, and nothing else.
func answerName(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.Authoritative = true
	if len(q.Question) != 1 || !strings.EqualFold(q.Question[0].Name, "shop.example.") {
		m.Rcode = dns.RcodeNameError
	} else if q.Question[0].Qtype == dns.TypeMX {
		m.Answer = []dns.RR{&dns.MX{
			Hdr:        dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeMX, Class: dns.ClassINET, Ttl: 300},
			Preference: 10, Mx: "mail.shop.example.",
		}}
	}
	_ = w.WriteMsg(m) // who asked may be gone
}

// priceOf is the price of a product in cents.
func priceOf(id string) (cents int, ok bool) {
	p, ok := find(id)
	return int(p.Cents), ok
}

// selfSigned is a certificate for a name that lasts three months.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making the vault's key: %w", err)
	}
	now := time.Now()
	c := &x509.Certificate{SerialNumber: big.NewInt(now.UnixNano()), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 3, 0)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("making the vault's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Stocktake is the shop's job: every so often it says to an address that it
// begins, counts the products, and says what it has counted, until ctx ends.
func Stocktake(ctx context.Context, address string, every time.Duration) error {
	say := func(suffix, body string) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+suffix, strings.NewReader(body))
		if err != nil {
			return
		}
		if resp, err := http.DefaultClient.Do(req); err == nil { // the next run tells of this one's silence
			_ = resp.Body.Close()
		}
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		say("/start", "")
		say("/0", fmt.Sprintf(`{"counted": %d}`, len(catalog)))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
