package console

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/ping"
)

// pingBook is where calls of jobs are kept.
type pingBook interface {
	// GiveAddress makes what has hash the address of a heartbeat, in place of
	// the one before.
	GiveAddress(ctx context.Context, checkID string, hash [32]byte, by string) error
	// AddPing keeps a call, and answers whose it is; "" is nobody's.
	AddPing(ctx context.Context, hash [32]byte, p ping.Ping) (checkID string, err error)
	// ReceiverHere notes that a console is there to be called; see package store.
	ReceiverHere(ctx context.Context, id int64) (int64, error)
	// PingsOf lists the newest calls of a heartbeat, the newest first.
	PingsOf(ctx context.Context, checkID string, limit int) ([]Ping, error)
}

const (
	// pingTimeout bounds the storing of a call. It is less than
	// ping.Settle: a call that is stored later could be overlooked.
	pingTimeout = ping.Settle - time.Second
	// pingBodyTimeout is how long a call may take to send its body.
	pingBodyTimeout = 5 * time.Second
	// maxPingBody is how much of it is read; what is longer is cut.
	maxPingBody = 64 << 10
)

// perPing is how often the job of one address may call.
var perPing = Limit{PerSecond: 1, Burst: 20}

// pingRoutes are the addresses that jobs call. They need no token besides what
// is in the address: a line in a crontab should do.
func (c *Console) pingRoutes(mux *http.ServeMux) {
	if c.o.Pings == nil {
		return
	}
	for _, method := range []string{"GET", "POST"} { // GET has HEAD with it
		mux.HandleFunc(method+" /ping/{address}", c.ping)
		mux.HandleFunc(method+" /ping/{address}/{signal}", c.ping)
	}
}

// ping takes a call.
func (c *Console) ping(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	hash := access.Hash(r.PathValue("address"))
	reply := func(status int, words string) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = fmt.Fprintln(w, words)
	}
	p := ping.Ping{Address: Network(r.RemoteAddr)}
	var ok bool
	if p.Signal, p.ExitCode, ok = ping.Parse(r.PathValue("signal")); !ok {
		reply(http.StatusNotFound, "behind the address of a heartbeat stands nothing, /start, /fail, or the exit code: /0 to /255")
		return
	}
	if wait := c.perPing.take(string(hash[:]), now); wait > 0 {
		w.Header().Set("Retry-After", seconds(wait))
		reply(http.StatusTooManyRequests, fmt.Sprintf("this heartbeat is called too often; call again in %s s", seconds(wait)))
		return
	}
	p.Body, p.Size = pingBody(w, r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), pingTimeout) // who has called need not wait
	defer cancel()
	id, err := c.o.Pings.AddPing(ctx, hash, p)
	switch {
	case err != nil:
		c.o.Logger.Error("keeping the call of a job", "err", err)
		w.Header().Set("Retry-After", "5")
		reply(http.StatusServiceUnavailable, "the call could not be kept: the database is away; call again")
	case id == "":
		reply(http.StatusNotFound, "no heartbeat has this address; make one by `probefleet heartbeat CHECK`")
	default:
		c.o.Logger.Debug("a job has called", "check", id, "signal", p.Signal)
		reply(http.StatusOK, "ok")
	}
}

// pingBody is the start of what a job has sent, without what looks like
// credentials, and its length as far as it was read. A body that does not come
// whole is no reason to refuse the call.
func pingBody(w http.ResponseWriter, r *http.Request) (text string, size int64) {
	if r.Method != http.MethodPost {
		return "", 0
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(pingBodyTimeout)) // not every server can; then its own holds
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPingBody))
	size = int64(len(body))
	if err == nil && r.ContentLength > size {
		size = r.ContentLength
	}
	return ping.Clean(body), size
}

// KeepReceiver notes again and again that this console is there to be called,
// until ctx ends: what is missing between two notes is no fault of the jobs. It
// returns nil.
func (c *Console) KeepReceiver(ctx context.Context) error {
	if c.o.Pings == nil {
		return nil
	}
	tick := time.NewTicker(ping.BeatEvery)
	defer tick.Stop()
	var span int64
	here := func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		next, err := c.o.Pings.ReceiverHere(ctx, span)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				c.o.Logger.Warn("noting that this console is there to be called; heartbeats that are late meanwhile are not measured", "err", err)
			}
			return
		}
		span = next
	}
	for {
		here(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			here(context.WithoutCancel(ctx)) // up to this moment
			return nil
		}
	}
}

// PingAddress is where a job calls. It is told once.
type PingAddress struct {
	Check string `json:"check"`
	Path  string `json:"path" doc:"Below the console's address. /start, /fail and an exit code may follow. It is not kept and cannot be shown again."`
}

// Ping is one call of a job.
type Ping struct {
	At       time.Time `json:"at"`
	Signal   string    `json:"signal" enum:"start,end,fail"`
	ExitCode int       `json:"exit_code"`
	Body     string    `json:"body,omitempty" doc:"Its beginning, without what looks like credentials."`
	Size     int64     `json:"size"`
	Address  string    `json:"address" doc:"Where it came from."`
}

// Pings is the answer of GET /api/v1/checks/{id}/pings.
type Pings struct {
	Pings []Ping `json:"pings" nullable:"false"`
}

func (e *endpoints) pings() {
	c := e.console
	register(e, operation{
		id: "give-ping-address", method: http.MethodPost, path: "/checks/{id}/ping-address", scope: access.ChecksWrite, tag: "checks",
		summary: "Give a heartbeat its address", description: "The one before is void from then on. The answer holds the address, once.",
		errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity},
	}, c.giveAddress)
	register(e, operation{
		id: "list-pings", method: http.MethodGet, path: "/checks/{id}/pings", scope: access.RunsRead, tag: "runs",
		summary: "List what a heartbeat was told", description: "The newest first.", errors: []int{http.StatusNotFound},
	}, func(ctx context.Context, in *struct {
		ID    string `path:"id" maxLength:"63"`
		Limit int    `query:"limit" default:"20" minimum:"1" maximum:"1000"`
	},
	) (*out[Pings], error) {
		if err := c.isHeartbeat(ctx, in.ID); err != nil {
			return nil, err
		}
		found, err := c.o.Pings.PingsOf(ctx, in.ID, in.Limit)
		if err != nil {
			return nil, c.failed("reading what the heartbeat was told", err)
		}
		if found == nil {
			found = []Ping{}
		}
		return answer(Pings{found}), nil
	})
}

// isHeartbeat answers a problem where a check is none.
func (c *Console) isHeartbeat(ctx context.Context, id string) error {
	found, _, err := c.o.Store.Catalogue(ctx, CheckFilter{IDs: []string{id}})
	if err != nil {
		return c.failed("reading the check", err)
	}
	if len(found) == 0 {
		return noCheck(id)
	}
	if found, _, err = c.o.Store.Catalogue(ctx, CheckFilter{IDs: []string{id}, Kind: string(check.KindHeartbeat)}); err != nil {
		return c.failed("reading the check", err)
	}
	if len(found) == 0 {
		return newProblem(http.StatusUnprocessableEntity, fmt.Sprintf("check %q is no heartbeat: nothing calls for it", id))
	}
	return nil
}

func (c *Console) giveAddress(ctx context.Context, in *checkID) (*out[PingAddress], error) {
	if err := c.isHeartbeat(ctx, in.ID); err != nil {
		return nil, err
	}
	address := "hb_" + rand.Text() + rand.Text()
	if err := c.o.Pings.GiveAddress(ctx, in.ID, access.Hash(address), holder(ctx).Name); err != nil {
		return nil, c.failed("giving the heartbeat an address", err)
	}
	c.o.Logger.Info("heartbeat was given an address", "check", in.ID, "by", holder(ctx).Name)
	return answer(PingAddress{Check: in.ID, Path: "/ping/" + address}), nil
}
