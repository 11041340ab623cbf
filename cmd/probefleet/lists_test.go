package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/console"
)

// People are added, changed and listed at the console and, by who may write it,
// in its database; both are the same people.
func TestPeopleByCommand(t *testing.T) {
	d := newDesk(t)
	made := d.expect(0, []string{"ada (admin) logs in once with this password"}, "people", "add", "-role", "admin", "ada")
	d.expect(0, []string{"bob (viewer) logs in once"}, "people", "add", "bob", "-people-database", d.address)
	d.expect(1, []string{"somebody with this name"}, "people", "add", "ada")
	d.expect(1, []string{"somebody with this name"}, "people", "add", "-people-database", d.address, "ada")
	d.expect(2, []string{"name one person"}, "people", "add")
	again := d.expect(0, []string{"ada (admin) logs in once"}, "people", "reset", "ada")
	if last := func(s string) string { return s[strings.LastIndex(strings.TrimSpace(s), "\n"):] }; last(made) == last(again) {
		t.Errorf("the password is the one before:%s", last(again))
	}
	d.expect(0, []string{"bob (viewer) logs in once"}, "people", "reset", "-people-database", d.address, "bob")
	d.expect(1, []string{"nobody"}, "people", "reset", "nobody")
	d.expect(1, []string{"nobody"}, "people", "reset", "-people-database", d.address, "nobody")
	d.expect(0, []string{"bob is editor and can log in"}, "people", "change", "bob", "-role", "editor")
	d.expect(0, []string{"bob is editor and cannot log in"}, "people", "change", "-people-database", d.address, "-disable", "bob")
	d.expect(1, []string{"nobody"}, "people", "change", "nobody", "-enable")
	table := d.expect(0, []string{"NAME  ROLE    LOGS IN BY", "ada   admin   password", "temporary password", "bob   editor  password", "disabled"}, "people", "list")
	if other := d.expect(0, nil, "people", "list", "-people-database", d.address); other != table {
		t.Errorf("the console lists\n%s, its database has\n%s", table, other)
	}
	var found console.People
	if err := json.Unmarshal([]byte(d.expect(0, nil, "people", "list", "-o", "json")), &found); err != nil || len(found.People) != 2 {
		t.Errorf("%v, %v", found, err)
	}
	d.expect(1, []string{"connect"}, "people", "list", "-people-database", "postgres://127.0.0.1:1/none")
}

// Channels and tokens are listed and taken away; one that is not there keeps no
// other.
func TestChannelsAndTokensByCommand(t *testing.T) {
	d := newDesk(t)
	file := filepath.Join(t.TempDir(), "channels.yaml")
	write := func(address string) {
		t.Helper()
		text := "channels:\n  ops: {webhook: {url: \"" + address + "\"}, tags: [shop, night]}\n  all: {webhook: {url: \"https://all.example/\"}}\nchecks:\n  - {id: home, icmp: 192.0.2.1}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("https://ops.example/")
	d.expect(2, []string{"+ channel ops", "+ channel all", "+ home"}, "plan", "-exitcode", "-owner", "team", file)
	d.expect(0, nil, "apply", "-owner", "team", file)
	write("https://other.example/")
	d.expect(2, []string{"~ channel ops\n", "https://other.example/", "0 to create"}, "plan", "-exitcode", "-owner", "team", file)
	d.expect(0, []string{"NAME  TYPE", "all   webhook", "ops   webhook  shop,night  team", "Z"}, "channel", "list")
	d.expect(0, []string{`"channels": [`, `"owner": "team"`}, "channel", "list", "-o", "json")
	d.expect(2, []string{"name channels, as channel list shows them"}, "channel", "rm")
	out := d.expect(1, []string{"removed ops", "removed all", "none"}, "channel", "rm", "none", "ops", "all")
	if strings.Contains(out, "removed none") {
		t.Error(out)
	}
	d.expect(0, []string{`"channels": []`}, "channel", "list", "-o", "json")

	var made console.CreatedToken
	if err := json.Unmarshal([]byte(d.expect(0, nil, "token", "create", "-name", "one", "-o", "json")), &made); err != nil {
		t.Fatal(err)
	}
	d.expect(1, []string{"revoked " + made.ID, "there is no token"}, "token", "revoke", "nobody", made.ID)
	d.expect(0, []string{made.ID, "revoked"}, "token", "list")
}
