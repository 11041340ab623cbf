package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// accounts is where people are kept. Every change is written down in the audit
// log by whoever keeps them, as done by the actor of the context.
type accounts interface {
	// AddPerson fails with [ErrTaken] where the name is taken, or who they are
	// to a provider.
	AddPerson(ctx context.Context, a Account, hash string) error
	People(ctx context.Context) ([]Account, error)
	// PersonByName and PersonBySubject find disabled ones too.
	PersonByName(ctx context.Context, name string) (a Account, hash string, found bool, err error)
	PersonBySubject(ctx context.Context, issuer, subject string) (Account, bool, error)
	// ChangePerson ends the sessions of one who is disabled. It fails with
	// [ErrNobody] and [ErrLastAdmin].
	ChangePerson(ctx context.Context, id string, c Change) (Account, error)
	// SetPassword ends all sessions of the person.
	SetPassword(ctx context.Context, id, hash string, temporary bool) error
	// Rehash takes the place of a hash of the same password.
	Rehash(ctx context.Context, id, old, hash string) error
}

// sessions is where log-ins are kept.
type sessions interface {
	// OpenSession ends the one whose digest is replaced, if there is one.
	OpenSession(ctx context.Context, s Session, digest, replaced [32]byte, how string) error
	SessionByDigest(ctx context.Context, digest [32]byte) (Session, Account, bool, error)
	TouchSession(ctx context.Context, id string) error
	Sessions(ctx context.Context, personID string) ([]Session, error)
	// EndSession answers false where the person has no such session that is
	// not over.
	EndSession(ctx context.Context, personID, id string) (bool, error)
	// Trusted reports whether the person was in this browser, and in this
	// network, before.
	Trusted(ctx context.Context, personID string, device [32]byte, network string) (here, near bool, err error)
	// NoteLogin writes a log-in down that was refused.
	NoteLogin(ctx context.Context, name, why string) error
}

// flows is where log-ins by a provider are kept while they are away.
type flows interface {
	KeepFlow(ctx context.Context, state [32]byte, f Flow) error
	// TakeFlow answers a flow once.
	TakeFlow(ctx context.Context, state [32]byte) (Flow, bool, error)
}

// What the book answers where it cannot do what it is asked for.
var (
	ErrTaken     = errors.New("there is somebody with this name already; use another")
	ErrNobody    = errors.New("there is nobody with this name")
	ErrLastAdmin = errors.New("this is the last admin who can log in; make another one first")
)

// Reasons why nobody is let in. A person is told no more than the first.
var (
	ErrRefused = errors.New("name or password is wrong, or the account cannot log in")
	// ErrAway says that the database is away, or the request was given up.
	ErrAway = errors.New("whether you may come in cannot be told: the database is away; try again")
)

// WaitError says that there were too many log-ins.
type WaitError struct{ Wait time.Duration }

func (e *WaitError) Error() string {
	return fmt.Sprintf("too many attempts; try again in %s", e.Wait.Round(time.Second))
}

// Book keeps people, their sessions and their log-ins under way.
type Book interface {
	accounts
	sessions
	flows
}

// Options configure a Desk. Zero values are those of the defaults.
type Options struct {
	Book   Book
	Params Params
	// Idle is how long a session lasts without use, Lasts how long at most.
	Idle, Lasts time.Duration
	Provider    Provider // nil: there is none
	Logger      *slog.Logger
}

// The ends of sessions where nothing else is said.
const (
	DefaultIdle  = 12 * time.Hour
	DefaultLasts = 7 * 24 * time.Hour
)

// Desk is where people are let in. It is safe for concurrent use.
type Desk struct {
	o        Options
	hasher   *Hasher
	throttle throttle
}

// NewDesk makes a Desk.
func NewDesk(o Options) *Desk {
	if o.Params == (Params{}) {
		o.Params = DefaultParams
	}
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
	if o.Lasts <= 0 {
		o.Lasts = DefaultLasts
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Desk{o: o, hasher: NewHasher(o.Params)}
}

// Visitor is a browser in which somebody wants to log in.
type Visitor struct {
	Address, Network, Agent string
	// Session and Device are what it keeps of the time before, "" where it
	// keeps nothing.
	Session, Device Secret
}

// Entrance is what a browser gets that was let in.
type Entrance struct {
	Account         Account
	Session, Device Secret
	EndsAt          time.Time
}

// LogIn lets somebody in by name and password. The error is [ErrRefused]
// whatever was wrong, a *[WaitError], or [ErrAway]. For a name that nobody has
// the same work is done as for any other.
func (d *Desk) LogIn(ctx context.Context, name, password string, v Visitor) (Entrance, error) {
	ctx = access.WithActor(ctx, access.Actor{Kind: access.ActorPerson, Name: shorten(name), Address: v.Address})
	parsed, malformed := ParseName(name)
	if malformed != nil {
		parsed = shorten(name)
	}
	account, stored, found, err := d.o.Book.PersonByName(ctx, parsed)
	if err != nil {
		return Entrance{}, d.away("looking for somebody", err)
	}
	here, near, err := d.o.Book.Trusted(ctx, account.ID, digestOrNone(v.Device), v.Network)
	if err != nil {
		return Entrance{}, d.away("looking for sessions of before", err)
	}
	try := attempt{name: parsed, network: v.Network, known: near}
	if here {
		try.device = string(v.Device)
	}
	now := time.Now()
	if wait := d.throttle.take(try, now); wait > 0 {
		d.o.Logger.Warn("log-in refused", "name", parsed, "address", v.Address, "reason", "too many attempts")
		return Entrance{}, &WaitError{wait}
	}
	ok, stale, err := d.hasher.Check(ctx, stored, password)
	if err != nil && ctx.Err() != nil {
		return Entrance{}, ErrAway
	}
	why := ""
	switch {
	case err != nil:
		d.o.Logger.Error("checking a password", "name", parsed, "err", err)
		why = "the stored hash cannot be read"
	case !found:
		why = "nobody has this name"
	case stored == "":
		why = "no password"
	case !ok:
		why = "wrong password"
	case !account.DisabledAt.IsZero():
		why = "disabled"
	case account.Temporary && now.Sub(account.PasswordAt) > TemporaryLasts:
		why = "the temporary password is over"
	}
	if why != "" {
		return Entrance{}, d.refuse(ctx, parsed, why, v)
	}
	d.throttle.pass(try)
	if stale {
		d.rehash(ctx, account, stored, password)
	}
	return d.enter(ctx, account, v, "password")
}

// refuse writes the reason down, and tells the visitor nothing of it.
func (d *Desk) refuse(ctx context.Context, name, why string, v Visitor) error {
	d.o.Logger.Warn("log-in refused", "name", name, "address", v.Address, "reason", why)
	if err := d.o.Book.NoteLogin(ctx, name, why); err != nil {
		d.o.Logger.Error("noting a log-in that was refused", "err", err)
	}
	return ErrRefused
}

// rehash costs the same as the check; who is in waits for it once.
func (d *Desk) rehash(ctx context.Context, a Account, old, password string) {
	hash, err := d.hasher.Hash(ctx, password)
	if err == nil {
		err = d.o.Book.Rehash(ctx, a.ID, old, hash)
	}
	if err != nil {
		d.o.Logger.Warn("making a password's hash anew", "name", a.Name, "err", err)
	}
}

// enter opens a new session: never one that the browser brought.
func (d *Desk) enter(ctx context.Context, a Account, v Visitor, how string) (Entrance, error) {
	now := time.Now()
	e := Entrance{Account: a, Session: NewSecret(), Device: v.Device, EndsAt: now.Add(d.o.Lasts)}
	if len(e.Device) != len(e.Session) {
		e.Device = NewSecret()
	}
	s := Session{
		ID: newID(), PersonID: a.ID, Device: e.Device.Digest(), Network: v.Network, Address: v.Address, Agent: shorten(v.Agent),
		CreatedAt: now, SeenAt: now, EndsAt: e.EndsAt,
	}
	ctx = access.WithActor(ctx, a.Actor(v.Address))
	if err := d.o.Book.OpenSession(ctx, s, e.Session.Digest(), digestOrNone(v.Session), how); err != nil {
		return Entrance{}, d.away("opening a session", err)
	}
	d.o.Logger.Info("logged in", "name", a.Name, "by", how, "address", v.Address)
	return e, nil
}

func digestOrNone(s Secret) [32]byte {
	if s == "" {
		return [32]byte{}
	}
	return s.Digest()
}

func shorten(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "")
	}
	return s
}

func (d *Desk) away(doing string, err error) error {
	d.o.Logger.Error(doing, "err", err)
	return ErrAway
}

// touchEvery is how exact the time of a session's last use is.
const touchEvery = time.Minute

// Recognise finds whose session a browser holds; false where it holds none
// that is valid. The error is [ErrAway].
func (d *Desk) Recognise(ctx context.Context, secret Secret) (Session, Account, bool, error) {
	if secret == "" {
		return Session{}, Account{}, false, nil
	}
	s, a, found, err := d.o.Book.SessionByDigest(ctx, secret.Digest())
	if err != nil {
		return Session{}, Account{}, false, d.away("looking for a session", err)
	}
	now := time.Now()
	if !found || s.Over(now, d.o.Idle) != "" || !a.DisabledAt.IsZero() {
		return Session{}, Account{}, false, nil
	}
	if now.Sub(s.SeenAt) >= touchEvery {
		if err := d.o.Book.TouchSession(ctx, s.ID); err != nil {
			d.o.Logger.Warn("noting that a session is used", "err", err)
		}
	}
	return s, a, true, nil
}

// LogOut ends the session of the context's actor.
func (d *Desk) LogOut(ctx context.Context, s Session) error {
	if _, err := d.o.Book.EndSession(ctx, s.PersonID, s.ID); err != nil {
		return d.away("ending a session", err)
	}
	return nil
}

// Sessions lists those of a person that are valid, the newest first.
func (d *Desk) Sessions(ctx context.Context, personID string) ([]Session, error) {
	all, err := d.o.Book.Sessions(ctx, personID)
	if err != nil {
		return nil, d.away("reading sessions", err)
	}
	var valid []Session
	for _, s := range all {
		if s.Over(time.Now(), d.o.Idle) == "" {
			valid = append(valid, s)
		}
	}
	return valid, nil
}

// EndSession ends one session of a person; false where there is none.
func (d *Desk) EndSession(ctx context.Context, personID, id string) (bool, error) {
	ok, err := d.o.Book.EndSession(ctx, personID, id)
	if err != nil {
		return false, d.away("ending a session", err)
	}
	return ok, nil
}

// Provider is the identity provider, nil where there is none.
func (d *Desk) Provider() Provider { return d.o.Provider }
