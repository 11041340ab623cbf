package people

import (
	"context"
	"errors"
	"time"

	"github.com/probefleet/probefleet/internal/access"
)

// List are all people in the order of their names.
func (d *Desk) List(ctx context.Context) ([]Account, error) { return d.o.Book.People(ctx) }

// Find is somebody by name; the error is [ErrNobody] where there is nobody.
func (d *Desk) Find(ctx context.Context, name string) (Account, error) {
	a, _, found, err := d.o.Book.PersonByName(ctx, name)
	if err == nil && !found {
		err = ErrNobody
	}
	return a, err
}

// Add makes an account with a password that is drawn and answered once. Where
// it is temporary its owner has to change it first of all.
func (d *Desk) Add(ctx context.Context, name string, role access.Role, temporary bool) (Account, string, error) {
	parsed, err := ParseName(name)
	if err != nil {
		return Account{}, "", err
	}
	if !role.Known() {
		_, err := ParseRole(string(role))
		return Account{}, "", err
	}
	now := time.Now().UTC()
	a := Account{
		ID: newID(), Name: parsed, Role: role, Local: true, Temporary: temporary,
		CreatedBy: access.ActorOf(ctx).Name, CreatedAt: now, PasswordAt: now,
	}
	password := NewPassword()
	hash, err := d.hasher.Hash(ctx, password)
	if err != nil {
		return Account{}, "", err
	}
	if err := d.o.Book.AddPerson(ctx, a, hash); err != nil {
		return Account{}, "", err
	}
	return a, password, nil
}

// Change changes somebody's role, or disables them: all their sessions end.
func (d *Desk) Change(ctx context.Context, name string, c Change) (Account, error) {
	a, err := d.Find(ctx, name)
	if err != nil {
		return Account{}, err
	}
	return d.o.Book.ChangePerson(ctx, a.ID, c)
}

// ErrProvided says that somebody has no password here.
var ErrProvided = errors.New("they log in by the identity provider, which sees to their password")

// Reset gives somebody a new temporary password, which is answered once, and
// ends their sessions. The error is [ErrNobody], or [ErrProvided] of one whom
// the provider alone lets in.
func (d *Desk) Reset(ctx context.Context, name string) (string, error) {
	a, err := d.Find(ctx, name)
	if err == nil && !a.Local {
		err = ErrProvided
	}
	if err != nil {
		return "", err
	}
	password := NewPassword()
	hash, err := d.hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	return password, d.o.Book.SetPassword(ctx, a.ID, hash, true)
}

// ErrSame says that a new password is the old one.
var ErrSame = errors.New("the new password is the old one; use another")

// ChangePassword gives a person who is in a password of their own. Every
// session ends, and a new one begins in this browser. A wrong old password is
// [ErrRefused], and counts as a log-in that failed; a new one that is against
// the rules is told by [CheckPassword].
func (d *Desk) ChangePassword(ctx context.Context, a Account, old, wanted string, v Visitor) (Entrance, error) {
	if err := CheckPassword(wanted, a.Name); err != nil {
		return Entrance{}, err
	}
	try := attempt{name: a.Name, device: "own " + a.ID}
	if wait := d.throttle.take(try, time.Now()); wait > 0 {
		return Entrance{}, &WaitError{wait}
	}
	_, stored, _, err := d.o.Book.PersonByName(ctx, a.Name)
	if err != nil {
		return Entrance{}, d.away("looking for somebody", err)
	}
	ok, _, err := d.hasher.Check(ctx, stored, old)
	switch {
	case err != nil:
		return Entrance{}, d.away("checking a password", err)
	case !ok:
		return Entrance{}, d.refuse(ctx, a.Name, "wrong password, to change it", v)
	case normal(old) == normal(wanted):
		return Entrance{}, ErrSame
	}
	d.throttle.pass(try)
	hash, err := d.hasher.Hash(ctx, wanted)
	if err != nil {
		return Entrance{}, ErrAway
	}
	if err := d.o.Book.SetPassword(ctx, a.ID, hash, false); err != nil {
		return Entrance{}, d.away("keeping a password", err)
	}
	a.Temporary, a.PasswordAt = false, time.Now().UTC()
	return d.enter(ctx, a, v, "new password")
}

// First makes the first account, an admin, where there is nobody; the password
// is "" where there is somebody.
func (d *Desk) First(ctx context.Context, name string) (password string, err error) {
	all, err := d.List(ctx)
	if err != nil || len(all) > 0 {
		return "", err
	}
	_, password, err = d.Add(ctx, name, access.Admin, false)
	if errors.Is(err, ErrTaken) {
		return "", nil // another one was faster
	}
	return password, err
}
