package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// drawer is a Book in memory.
type drawer struct {
	mu       sync.Mutex
	people   map[string]*kept // by name
	sessions map[[32]byte]*Session
	flows    map[[32]byte]Flow
	refused  []string
}

type kept struct {
	Account
	hash string
}

func (d *drawer) AddPerson(_ context.Context, a Account, hash string) error {
	if d.people[a.Name] != nil {
		return ErrTaken
	}
	d.people[a.Name] = &kept{a, hash}
	return nil
}

func (d *drawer) People(context.Context) (all []Account, err error) {
	for _, k := range d.people {
		all = append(all, k.Account)
	}
	return all, nil
}

func (d *drawer) PersonByName(_ context.Context, name string) (Account, string, bool, error) {
	if k := d.people[name]; k != nil {
		return k.Account, k.hash, true, nil
	}
	return Account{}, "", false, nil
}

func (d *drawer) PersonBySubject(_ context.Context, issuer, subject string) (Account, bool, error) {
	for _, k := range d.people {
		if k.Subject == subject && k.Issuer == issuer {
			return k.Account, true, nil
		}
	}
	return Account{}, false, nil
}

func (d *drawer) byID(id string) *kept {
	for _, k := range d.people {
		if k.ID == id {
			return k
		}
	}
	return nil
}

func (d *drawer) ChangePerson(_ context.Context, id string, c Change) (Account, error) {
	k := d.byID(id)
	if c.Role != nil {
		k.Role = *c.Role
	}
	if c.Disabled != nil {
		k.DisabledAt = time.Now()
	}
	return k.Account, nil
}

func (d *drawer) SetPassword(_ context.Context, id, hash string, temporary bool) error {
	k := d.byID(id)
	k.hash, k.Temporary, k.PasswordAt = hash, temporary, time.Now()
	for _, s := range d.sessions {
		if s.PersonID == id {
			s.EndedAt = time.Now()
		}
	}
	return nil
}

func (d *drawer) Rehash(_ context.Context, id, _, hash string) error {
	d.byID(id).hash = hash
	return nil
}

func (d *drawer) OpenSession(_ context.Context, s Session, digest, replaced [32]byte, _ string) error {
	if old := d.sessions[replaced]; old != nil {
		old.EndedAt = time.Now()
	}
	d.sessions[digest] = &s
	return nil
}

func (d *drawer) SessionByDigest(_ context.Context, digest [32]byte) (Session, Account, bool, error) {
	s := d.sessions[digest]
	if s == nil {
		return Session{}, Account{}, false, nil
	}
	return *s, d.byID(s.PersonID).Account, true, nil
}

func (d *drawer) TouchSession(_ context.Context, id string) error {
	for _, s := range d.sessions {
		if s.ID == id {
			s.SeenAt = time.Now()
		}
	}
	return nil
}

func (d *drawer) Sessions(_ context.Context, personID string) (all []Session, err error) {
	for _, s := range d.sessions {
		if s.PersonID == personID {
			all = append(all, *s)
		}
	}
	return all, nil
}

func (d *drawer) EndSession(_ context.Context, personID, id string) (bool, error) {
	for _, s := range d.sessions {
		if s.ID == id && s.PersonID == personID && s.EndedAt.IsZero() {
			s.EndedAt = time.Now()
			return true, nil
		}
	}
	return false, nil
}

func (d *drawer) Trusted(_ context.Context, personID string, device [32]byte, network string) (here, near bool, err error) {
	for _, s := range d.sessions {
		if s.PersonID == personID {
			here, near = here || s.Device == device, near || s.Network == network
		}
	}
	return here, near, nil
}

func (d *drawer) NoteLogin(_ context.Context, name, why string) error {
	d.refused = append(d.refused, name+": "+why)
	return nil
}

func (d *drawer) KeepFlow(_ context.Context, state [32]byte, f Flow) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flows[state] = f
	return nil
}

func (d *drawer) TakeFlow(_ context.Context, state [32]byte) (Flow, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.flows[state]
	delete(d.flows, state)
	return f, ok, nil
}

const rightPassword = "correct horse battery"

// newDesk has ada, an admin with the right password.
func newDesk(t *testing.T) (*Desk, *drawer) {
	t.Helper()
	b := &drawer{people: map[string]*kept{}, sessions: map[[32]byte]*Session{}, flows: map[[32]byte]Flow{}}
	d := NewDesk(Options{Book: b, Params: cheap, Logger: slog.New(slog.DiscardHandler)})
	hash, err := d.hasher.Hash(t.Context(), rightPassword)
	if err != nil {
		t.Fatal(err)
	}
	b.people["ada"] = &kept{Account{ID: "a", Name: "ada", Role: access.Admin, Local: true, PasswordAt: time.Now()}, hash}
	return d, b
}

func TestLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t)
		e, err := d.LogIn(t.Context(), " ADA ", rightPassword, Visitor{Network: "n", Session: "brought along"})
		if err != nil || e.Account.Name != "ada" {
			t.Fatalf("%+v %v", e, err)
		}
		if e.Session == "brought along" || len(e.Session) < 52 || e.Device == e.Session {
			t.Errorf("secrets: %q %q", e.Session, e.Device)
		}
		for digest := range b.sessions {
			if string(digest[:]) == string(e.Session) {
				t.Error("the secret itself is kept")
			}
		}
		s, a, ok, err := d.Recognise(t.Context(), e.Session)
		if err != nil || !ok || a.Name != "ada" || s.PersonID != "a" {
			t.Fatalf("%+v %+v %t %v", s, a, ok, err)
		}
		if _, _, ok, _ := d.Recognise(t.Context(), "brought along"); ok {
			t.Error("a session of a stranger's choice is valid")
		}
		// The second log-in ends the first in this browser.
		again, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{Network: "n", Session: e.Session, Device: e.Device})
		if err != nil || again.Session == e.Session || again.Device != e.Device {
			t.Fatalf("%+v %v", again, err)
		}
		if _, _, ok, _ := d.Recognise(t.Context(), e.Session); ok {
			t.Error("the session before goes on")
		}
		b.people["ada"].DisabledAt = time.Now()
		if _, _, ok, _ := d.Recognise(t.Context(), again.Session); ok {
			t.Error("a disabled person is recognised")
		}
	})
}

// A session ends when it is idle, and at its end however much it is used.
func TestEndsOfSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDesk(t)
		e, _ := d.LogIn(t.Context(), "ada", rightPassword, Visitor{})
		valid := func() bool {
			_, _, ok, _ := d.Recognise(t.Context(), e.Session)
			return ok
		}
		time.Sleep(DefaultIdle - time.Second)
		if !valid() {
			t.Fatal("ended before it was idle")
		}
		time.Sleep(DefaultIdle)
		if valid() {
			t.Error("an idle session is valid")
		}
		e, _ = d.LogIn(t.Context(), "ada", rightPassword, Visitor{})
		began := time.Now()
		for valid() {
			time.Sleep(time.Hour)
		}
		if lasted := time.Since(began); lasted != DefaultLasts {
			t.Errorf("it lasted %s", lasted)
		}
	})
}

// Whoever is refused learns nothing: the same error, and the same work, for a
// wrong password, a name that nobody has, one without a password, one that is
// disabled and one that is no name.
func TestRefusalsAreAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t)
		b.people["bob"] = &kept{Account: Account{ID: "b", Name: "bob", Issuer: "https://id", Subject: "1"}}
		b.people["eve"] = &kept{Account{ID: "e", Name: "eve", DisabledAt: time.Now()}, b.people["ada"].hash}
		b.people["tim"] = &kept{Account{ID: "t", Name: "tim", Temporary: true, PasswordAt: time.Now().Add(-TemporaryLasts - 1)}, b.people["ada"].hash}
		for name, row := range map[string]struct{ password, reason string }{
			"ada": {"wrong", "wrong password"}, "nobody": {rightPassword, "nobody has this name"}, "bob": {rightPassword, "no password"},
			"eve": {rightPassword, "disabled"}, "tim": {rightPassword, "temporary"}, "no name!": {rightPassword, "nobody"},
			"mallory": {strings.Repeat("x", 1<<20), "nobody"},
		} {
			before := d.hasher.computed.Load()
			_, err := d.LogIn(t.Context(), name, row.password, Visitor{Network: name})
			if err != ErrRefused {
				t.Errorf("%s: %v", name, err)
			}
			if n := d.hasher.computed.Load() - before; n != 1 {
				t.Errorf("%s: %d hashes", name, n)
			}
			if last := b.refused[len(b.refused)-1]; !strings.Contains(last, row.reason) {
				t.Errorf("%s: the log says %q", name, last)
			}
		}
	})
}

func TestRehash(t *testing.T) {
	d, b := newDesk(t)
	d.hasher = NewHasher(Params{Memory: 128, Passes: 1, Lanes: 1})
	old := b.people["ada"].hash
	if _, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{}); err != nil {
		t.Fatal(err)
	}
	if now := b.people["ada"].hash; now == old || !strings.Contains(now, "m=128") {
		t.Errorf("the hash is %s", now)
	}
	if _, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{}); err != nil {
		t.Error(err)
	}
}

// Guessing is slowed down by name and by address. Whoever was here before, by
// browser or by network, comes in whatever strangers do.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := newDesk(t)
		home, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{Network: "home"})
		if err != nil {
			t.Fatal(err)
		}
		waits := func(name, network string) bool {
			_, err := d.LogIn(t.Context(), name, "wrong", Visitor{Network: network})
			_, wait := errors.AsType[*WaitError](err)
			return wait
		}
		guesses := 0
		for !waits("ada", "evil") {
			guesses++
		}
		if guesses != perPair.burst {
			t.Errorf("%d guesses from one network", guesses)
		}
		if _, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{Network: "evil"}); err == nil {
			t.Error("the right password comes in where guesses are too many")
		}
		// From a thousand networks.
		guesses = 0
		for i := range 1000 {
			if !waits("ada", fmt.Sprintf("evil %d", i)) {
				guesses++
			}
		}
		if guesses > perStranger.burst {
			t.Errorf("%d guesses from many networks", guesses)
		}
		if !waits("ada", "somewhere new") {
			t.Error("strangers may still guess")
		}
		if _, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{Network: "home"}); err != nil {
			t.Errorf("the owner at home: %v", err)
		}
		if _, err := d.LogIn(t.Context(), "ada", rightPassword, Visitor{Network: "evil", Device: home.Device}); err != nil {
			t.Errorf("the owner's own browser elsewhere: %v", err)
		}
		if waits("bob", "another place") {
			t.Error("others are held up")
		}
		guesses = 0
		for i := 0; !waits(fmt.Sprintf("name%d", i), "names"); i++ {
			guesses++
		}
		if guesses != perNetwork.burst {
			t.Errorf("%d names from one network", guesses)
		}
		time.Sleep(perPair.every)
		if waits("ada2", "names") {
			t.Error("it never ends")
		}
	})
}

func TestTemporaryPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := newDesk(t)
		a, password, err := d.Add(t.Context(), "Bob", access.Editor, true)
		if err != nil || a.Name != "bob" {
			t.Fatalf("%+v %v", a, err)
		}
		e, err := d.LogIn(t.Context(), "bob", password, Visitor{})
		if err != nil || !e.Account.Temporary || len(e.Account.Actor("").Scopes) != 0 {
			t.Fatalf("%+v %v", e, err)
		}
		for _, row := range []struct {
			old, wanted string
			fault       error
		}{{password, "short", nil}, {"wrong", "a fine new password", ErrRefused}, {password, password, ErrSame}} {
			if _, err := d.ChangePassword(t.Context(), e.Account, row.old, row.wanted, Visitor{}); err == nil || row.fault != nil && !errors.Is(err, row.fault) {
				t.Errorf("%q to %q: %v", row.old, row.wanted, err)
			}
		}
		own, err := d.ChangePassword(t.Context(), e.Account, password, "a fine new password", Visitor{Session: e.Session, Device: e.Device})
		if err != nil || own.Account.Temporary || !own.Account.Actor("").Allows(access.ChecksWrite) {
			t.Fatalf("%+v %v", own, err)
		}
		if _, _, ok, _ := d.Recognise(t.Context(), e.Session); ok {
			t.Error("sessions of the old password go on")
		}
		if _, a, ok, _ := d.Recognise(t.Context(), own.Session); !ok || a.Temporary {
			t.Error("the new session is not valid")
		}
		if b.people["bob"].Temporary {
			t.Error("it stays temporary")
		}
		if _, err := d.Reset(t.Context(), "nobody"); !errors.Is(err, ErrNobody) {
			t.Errorf("nobody's reset: %v", err)
		}
	})
}

func TestFirst(t *testing.T) {
	d, b := newDesk(t)
	if password, err := d.First(t.Context(), "admin"); password != "" || err != nil {
		t.Errorf("where there is somebody: %q %v", password, err)
	}
	clear(b.people)
	password, err := d.First(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	if e, err := d.LogIn(t.Context(), "admin", password, Visitor{}); err != nil || e.Account.Role != access.Admin {
		t.Errorf("%+v %v", e, err)
	}
}

func TestMapping(t *testing.T) {
	m, err := ParseMapping("ops=editor, leads=admin,a=b=viewer", "Example.org,@other.org")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		c    Claims
		want access.Role
	}{
		{Claims{Email: "a@example.org", Groups: []string{"ops"}}, access.Editor},
		{Claims{Email: "a@OTHER.org", Groups: []string{"ops", "leads", "x"}}, access.Admin},
		{Claims{Email: "a@example.org", Groups: []string{"a=b"}}, access.Viewer},
		{Claims{Email: "a@example.org", Groups: []string{"*", "x"}}, ""},
		{Claims{Email: "a@example.org.evil", Groups: []string{"ops"}}, ""},
		{Claims{Groups: []string{"leads"}}, ""},
	} {
		if got, err := m.Role(row.c); got != row.want || (err == nil) != (row.want != "") {
			t.Errorf("%+v: %q %v", row.c, got, err)
		}
	}
	everybody, _ := ParseMapping("*=viewer", "")
	if got, err := everybody.Role(Claims{}); got != access.Viewer || err != nil {
		t.Errorf("everybody: %q %v", got, err)
	}
	for _, text := range []string{"ops", "=admin", "ops=root", "ops=editor,ops=admin"} {
		if _, err := ParseMapping(text, ""); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
