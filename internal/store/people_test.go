package store_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/probefleet/probefleet/internal/access"
	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/people"
	"github.com/probefleet/probefleet/internal/store"
)

func addPerson(t *testing.T, s *store.Store, name string, role access.Role) people.Account {
	t.Helper()
	a := people.Account{ID: "id-" + name, Name: name, Role: role, CreatedAt: noon, PasswordAt: noon, Local: true}
	if err := s.AddPerson(t.Context(), a, "hash of "+name); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestPeople(t *testing.T) {
	s, _ := open(t)
	ada := addPerson(t, s, "ada", access.Admin)
	if err := s.AddPerson(t.Context(), people.Account{ID: "other", Name: "ada", Role: access.Viewer}, ""); !errors.Is(err, people.ErrTaken) {
		t.Errorf("a second ada: %v", err)
	}
	bob := people.Account{ID: "b", Name: "bob", Role: access.Viewer, Issuer: "https://id", Subject: "7", CreatedAt: noon}
	if err := s.AddPerson(t.Context(), bob, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.AddPerson(t.Context(), people.Account{ID: "c", Name: "bob2", Issuer: "https://id", Subject: "7"}, ""); !errors.Is(err, people.ErrTaken) {
		t.Errorf("a second one of the provider: %v", err)
	}
	got, hash, ok, err := s.PersonByName(t.Context(), "ada")
	if err != nil || !ok || hash != "hash of ada" || got.ID != ada.ID || !got.Local || got.Role != access.Admin {
		t.Errorf("%+v %q %t %v", got, hash, ok, err)
	}
	if _, hash, ok, err = s.PersonByName(t.Context(), "bob"); err != nil || !ok || hash != "" {
		t.Errorf("bob has %q %t %v", hash, ok, err)
	}
	if _, _, ok, err = s.PersonByName(t.Context(), "nobody"); ok || err != nil {
		t.Errorf("nobody: %t %v", ok, err)
	}
	if got, ok, err := s.PersonBySubject(t.Context(), "https://id", "7"); err != nil || !ok || got.Name != "bob" || got.Local {
		t.Errorf("%+v %t %v", got, ok, err)
	}
	if err := s.Rehash(t.Context(), ada.ID, "another hash", "new"); err != nil {
		t.Fatal(err)
	}
	if _, hash, _, _ := s.PersonByName(t.Context(), "ada"); hash != "hash of ada" {
		t.Error("a hash was replaced that had changed meanwhile")
	}
	if all, err := s.People(t.Context()); err != nil || len(all) != 2 || all[1].Name != "bob" {
		t.Errorf("%+v %v", all, err)
	}
}

// Somebody who can see to people is always left, even where two admins take
// the role from each other at once.
func TestLastAdmin(t *testing.T) {
	s, _ := open(t)
	ada, bob := addPerson(t, s, "ada", access.Admin), addPerson(t, s, "bob", access.Admin)
	viewer, yes := access.Viewer, true
	var wait sync.WaitGroup
	refused := make(chan error, 2)
	for _, id := range []string{ada.ID, bob.ID} {
		wait.Go(func() {
			if _, err := s.ChangePerson(t.Context(), id, people.Change{Role: &viewer}); err != nil {
				refused <- err
			}
		})
	}
	wait.Wait()
	if len(refused) != 1 || !errors.Is(<-refused, people.ErrLastAdmin) {
		t.Fatal("not exactly one was refused")
	}
	all, _ := s.People(t.Context())
	last := all[slices.IndexFunc(all, func(a people.Account) bool { return a.Role == access.Admin })]
	if _, err := s.ChangePerson(t.Context(), last.ID, people.Change{Disabled: &yes}); !errors.Is(err, people.ErrLastAdmin) {
		t.Errorf("disabling the last: %v", err)
	}
	if _, err := s.ChangePerson(t.Context(), "nobody", people.Change{Disabled: &yes}); !errors.Is(err, people.ErrNobody) {
		t.Errorf("nobody: %v", err)
	}
}

func TestSessions(t *testing.T) {
	s, _ := open(t)
	ada := addPerson(t, s, "ada", access.Admin)
	addPerson(t, s, "bob", access.Admin)
	now := time.Now().UTC().Truncate(time.Microsecond)
	one := people.Session{ID: "s1", PersonID: ada.ID, Device: [32]byte{1}, Network: "n1", Address: "10.0.0.1", Agent: "a browser", CreatedAt: now, EndsAt: now.Add(time.Hour)}
	if err := s.OpenSession(t.Context(), one, [32]byte{11}, [32]byte{}, "password"); err != nil {
		t.Fatal(err)
	}
	got, who, ok, err := s.SessionByDigest(t.Context(), [32]byte{11})
	if err != nil || !ok || who.Name != "ada" || who.LastLoginAt.IsZero() || got.Over(now, time.Hour) != "" || got.Device != one.Device {
		t.Fatalf("%+v %+v %t %v", got, who, ok, err)
	}
	two := one
	two.ID = "s2"
	if err := s.OpenSession(t.Context(), two, [32]byte{12}, [32]byte{11}, "password"); err != nil {
		t.Fatal(err)
	}
	if got, _, _, _ := s.SessionByDigest(t.Context(), [32]byte{11}); got.EndedAt.IsZero() {
		t.Error("the session that was replaced goes on")
	}
	for _, row := range []struct {
		device     [32]byte
		network    string
		here, near bool
	}{{[32]byte{1}, "n1", true, true}, {[32]byte{2}, "n1", false, true}, {[32]byte{1}, "n2", true, false}, {[32]byte{}, "n2", false, false}} {
		if here, near, err := s.Trusted(t.Context(), ada.ID, row.device, row.network); err != nil || here != row.here || near != row.near {
			t.Errorf("%v: %t %t %v", row, here, near, err)
		}
	}
	if ok, err := s.EndSession(t.Context(), "id-bob", "s2"); ok || err != nil {
		t.Errorf("bob ended ada's session: %t %v", ok, err)
	}
	if list, err := s.Sessions(t.Context(), ada.ID); err != nil || len(list) != 1 || list[0].ID != "s2" {
		t.Errorf("%+v %v", list, err)
	}
	yes := true
	if _, err := s.ChangePerson(t.Context(), ada.ID, people.Change{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if list, _ := s.Sessions(t.Context(), ada.ID); len(list) != 0 {
		t.Error("a disabled person has sessions")
	}
	if err := s.OpenSession(t.Context(), people.Session{ID: "s3", PersonID: ada.ID, EndsAt: now}, [32]byte{13}, [32]byte{}, "password"); !errors.Is(err, people.ErrNobody) {
		t.Errorf("a disabled person opened a session: %v", err)
	}
	if err := s.PruneSessions(t.Context(), now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, ok, _ := s.SessionByDigest(t.Context(), [32]byte{12}); ok {
		t.Error("an ended session is kept")
	}
}

// A log-in at the provider comes back once.
func TestFlows(t *testing.T) {
	s, _ := open(t)
	f := people.Flow{Browser: [32]byte{3}, Nonce: "n", Verifier: "v", Next: "/fleet", ExpiresAt: noon}
	if err := s.KeepFlow(t.Context(), [32]byte{1}, f); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := s.TakeFlow(t.Context(), [32]byte{1}); err != nil || !ok || got != f {
		t.Errorf("%+v %t %v", got, ok, err)
	}
	if _, ok, err := s.TakeFlow(t.Context(), [32]byte{1}); ok || err != nil {
		t.Errorf("a second time: %t %v", ok, err)
	}
}

// What is changed is written down with its author in the same transaction;
// names of properties are, their values are not.
func TestAuditOfChanges(t *testing.T) {
	s, _ := open(t)
	ctx := access.WithActor(t.Context(), access.Actor{Kind: access.ActorPerson, ID: "a1", Name: "ada", Address: "192.0.2.7"})
	c := named("shop")
	if _, err := s.ApplySet(ctx, []check.Check{c}, store.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	c.Name, c.Muted = "sesame-open", true
	for range 2 { // the second changes nothing
		if _, err := s.ApplySet(ctx, []check.Check{c}, store.ApplyOptions{Owner: "team"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.RemoveChecks(ctx, []string{"shop", "none"}); err != nil {
		t.Fatal(err)
	}
	all, err := s.Audit(t.Context(), access.EntryFilter{Limit: 10})
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v %v", all, err)
	}
	for i, action := range []string{"check.delete", "check.change", "check.create"} {
		e := all[i]
		if e.Action != action || e.Actor != "ada" || e.ActorID != "a1" || e.ActorKind != access.ActorPerson || e.Address != "192.0.2.7" || e.Subject != "shop" || e.Result != access.Done {
			t.Errorf("%+v, want %s of ada", e, action)
		}
	}
	if want := []string{"(owner)", "muted", "name"}; !slices.Equal(all[1].Before, want) || !slices.Equal(all[1].After, want) {
		t.Errorf("changed: %v to %v", all[1].Before, all[1].After)
	}
	for _, e := range all {
		if strings.Contains(strings.Join(append(append(e.Before, e.After...), e.Note), " "), "sesame") {
			t.Errorf("a value is written down: %+v", e)
		}
	}
	for f, want := range map[access.EntryFilter]int{
		{Action: "check"}: 3, {Action: "check.change"}: 1, {Action: "che"}: 0, {Actor: "bob"}: 0, {Subject: "shop"}: 3, {Result: access.Refused}: 0,
		{Before: all[0].ID}: 2, {Since: all[0].At}: 1, {Until: all[0].At}: 2,
	} {
		f.Limit = 10
		if got, err := s.Audit(t.Context(), f); err != nil || len(got) != want {
			t.Errorf("%+v: %d, %v", f, len(got), err)
		}
	}
}

// A change that does not happen is not written down, and one that cannot be
// written down does not happen.
func TestAuditIsOfTheSameTransaction(t *testing.T) {
	s, url := open(t)
	addPerson(t, s, "ada", access.Admin)
	if err := s.AddPerson(t.Context(), people.Account{ID: "x", Name: "ada"}, ""); !errors.Is(err, people.ErrTaken) {
		t.Fatal(err)
	}
	if all, _ := s.Audit(t.Context(), access.EntryFilter{Limit: 10}); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	do(t, url, `ALTER TABLE audit ADD CHECK (action <> 'check.create' AND action <> 'token.make')`)
	if _, err := s.ApplyChecks(t.Context(), []check.Check{named("shop")}); err == nil {
		t.Error("a check was made that is in no audit log")
	}
	if err := s.CreateToken(t.Context(), access.Token{ID: "t", CreatedAt: noon}, [32]byte{1}); err == nil {
		t.Error("a token was made that is in no audit log")
	}
	if n := ask[int](t, url, `SELECT (SELECT count(*) FROM checks) + (SELECT count(*) FROM api_tokens)`); n != 0 {
		t.Errorf("%d rows are there", n)
	}
}

// The audit log is only added to, whoever owns it, until its entries are old.
func TestAuditIsKept(t *testing.T) {
	s, url := open(t)
	if err := s.Note(t.Context(), access.Entry{Action: "x"}, access.Entry{Action: "y"}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range []string{`UPDATE audit SET actor = 'nobody'`, `DELETE FROM audit`, `TRUNCATE audit`} {
		if _, err := conn.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "only ever added to") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if gone, err := s.PruneAudit(t.Context(), time.Now().Add(time.Hour)); err != nil || gone != 0 {
		t.Errorf("new entries went: %d %v", gone, err)
	}
	do(t, url, `INSERT INTO audit (at, actor_kind, actor_id, actor, action, subject, before, after, note, address, result)
		VALUES (now() - interval '2 years', 'system', '', '', 'old', '', '{}', '{}', '', '', 'done')`)
	if gone, err := s.PruneAudit(t.Context(), time.Now().Add(-access.AuditKept)); err != nil || gone != 1 {
		t.Errorf("old entries: %d %v", gone, err)
	}
}
