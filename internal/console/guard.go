package console

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/time/rate"

	"github.com/probefleet/probefleet/internal/access"
)

// tokenBook is where tokens are kept.
type tokenBook interface {
	// TokenByHash finds void tokens too.
	TokenByHash(ctx context.Context, hash [32]byte) (access.Token, bool, error)
	// TouchToken notes that a token is used.
	TouchToken(ctx context.Context, id string) error
	CreateToken(ctx context.Context, t access.Token, hash [32]byte) error
	Tokens(ctx context.Context) ([]access.Token, error)
	// RevokeToken answers false where there is no such token.
	RevokeToken(ctx context.Context, id string) (bool, error)
}

// touchEvery is how exact the time of a token's last use is.
const touchEvery = time.Minute

type holderKey struct{}

// holder is the token by which a request came in.
func holder(ctx context.Context) access.Token {
	t, _ := ctx.Value(holderKey{}).(access.Token)
	return t
}

// refusal is why a request may not pass, with the headers that go with it.
type refusal struct {
	*Problem
	headers map[string]string
}

const challenge = `Bearer realm="probefleet console"`

// Admit finds the token of a secret, if it is valid and does not ask too often.
// The error is a [*Problem].
func (c *Console) Admit(ctx context.Context, secret string) (access.Token, error) {
	t, no := c.admit(ctx, secret)
	if no != nil {
		return access.Token{}, no.Problem
	}
	return t, nil
}

func (c *Console) admit(ctx context.Context, secret string) (access.Token, *refusal) {
	unknown := func(detail, challenge string) (access.Token, *refusal) {
		return access.Token{}, &refusal{newProblem(http.StatusUnauthorized, detail), map[string]string{"WWW-Authenticate": challenge}}
	}
	if secret == "" {
		return unknown("the console's token is missing or wrong; send one as `Authorization: Bearer TOKEN`", challenge)
	}
	now := time.Now()
	t, found, err := c.o.Tokens.TokenByHash(ctx, access.Hash(secret))
	switch {
	case err != nil:
		c.o.Logger.Error("looking for a token", "err", err)
		return t, &refusal{
			newProblem(http.StatusServiceUnavailable, "whether the token is valid cannot be told: the database is away; try again"),
			map[string]string{"Retry-After": "5"},
		}
	case !found:
		return unknown("the console's token is missing or wrong; make one by `probefleet token create`", challenge)
	case t.Void(now) != "":
		return unknown(fmt.Sprintf("the token %q (%s) was %s; make another by `probefleet token create`", t.Name, t.ID, t.Void(now)), challenge+`, error="invalid_token"`)
	}
	if wait := c.perToken.take(t.ID, now); wait > 0 {
		return t, &refusal{tooMany("this token", wait), map[string]string{"Retry-After": seconds(wait)}}
	}
	if now.Sub(t.LastUsedAt) > touchEvery {
		if err := c.o.Tokens.TouchToken(ctx, t.ID); err != nil {
			c.o.Logger.Warn("noting that a token is used", "err", err)
		}
	}
	return t, nil
}

// guard lets a request pass that carries a valid token with the scope of the
// operation, and does not come too often.
func (c *Console) guard(a huma.API) func(huma.Context, func(huma.Context)) {
	refuse := func(ctx huma.Context, p *Problem) {
		if err := huma.WriteErr(a, ctx, p.Status, p.Detail); err != nil {
			c.o.Logger.Debug("writing a refusal", "err", err)
		}
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		secret, ok := strings.CutPrefix(ctx.Header("Authorization"), "Bearer ")
		if !ok {
			secret = ""
		}
		t, no := c.admit(ctx.Context(), secret)
		if no != nil {
			for name, value := range no.headers {
				ctx.SetHeader(name, value)
			}
			refuse(ctx, no.Problem)
			return
		}
		if scope := scopeOf(ctx.Operation()); !t.Allows(scope) {
			refuse(ctx, newProblem(http.StatusForbidden, fmt.Sprintf("the token %q may not do this: it lacks the scope %s (it has: %s); use another token", t.Name, scope, access.Join(t.Scopes))))
			return
		}
		next(huma.WithValue(ctx, holderKey{}, t))
	}
}

// scopeOf is the scope that an operation needs: each has exactly one.
func scopeOf(o *huma.Operation) access.Scope {
	return access.Scope(o.Security[0]["token"][0])
}

func tooMany(who string, wait time.Duration) *Problem {
	return newProblem(http.StatusTooManyRequests, fmt.Sprintf("%s asks too often; ask again in %s s, and ask for more at a time", who, seconds(wait)))
}

// seconds is a wait as Retry-After takes it: whole, and at least one.
func seconds(wait time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(wait.Seconds()))))
}

// As is a context in which what is asked for is asked by a token, or by
// somebody who has the rights of one.
func As(ctx context.Context, t access.Token) context.Context {
	return context.WithValue(ctx, holderKey{}, t)
}

// ByAddress answers 429 to addresses that ask too often.
func (c *Console) ByAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait := c.perAddress.take(network(r.RemoteAddr), time.Now()); wait > 0 {
			p := tooMany("this address", wait)
			w.Header().Set("Retry-After", seconds(wait))
			w.Header().Set("Content-Type", p.ContentType(""))
			w.WriteHeader(p.Status)
			_ = json.NewEncoder(w).Encode(p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// network is what counts as one address: all of a site's for IPv6.
func network(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Is4() || ip.Is4In6() {
		return host
	}
	site, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return site.String()
}

// Limit is how often somebody may ask: so often a second in the long run, and
// so many times at once. The zero value is no limit.
type Limit struct {
	PerSecond float64
	Burst     int
}

// maxLimiters bounds the memory that strangers can make the console use.
const maxLimiters = 10_000

// limits holds one limiter for everybody who asks.
type limits struct {
	Limit
	mu   sync.Mutex
	each map[string]*rate.Limiter
}

// take counts one request of who, and says how long to wait where that is one
// too many.
func (l *limits) take(who string, now time.Time) (wait time.Duration) {
	if l.PerSecond <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.each[who]
	if one == nil {
		if l.each == nil || len(l.each) >= maxLimiters {
			l.forget(now)
		}
		one = rate.NewLimiter(rate.Limit(l.PerSecond), max(1, l.Burst))
		l.each[who] = one
	}
	r := one.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// forget drops those that have not asked for a while: they begin anew with the
// same right. Where everybody asks, everybody begins anew.
func (l *limits) forget(now time.Time) {
	kept := map[string]*rate.Limiter{}
	for who, one := range l.each {
		if one.TokensAt(now) < float64(one.Burst()) {
			kept[who] = one
		}
	}
	if len(kept) >= maxLimiters {
		clear(kept)
	}
	l.each = kept
}
