package people

import (
	"strings"
	"testing"
)

// cheap is for tests that are not about the cost.
var cheap = Params{Memory: 64, Passes: 1, Lanes: 1}

func TestHashes(t *testing.T) {
	h := NewHasher(cheap)
	one, err := h.Hash(t.Context(), "correct horse battery")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.Hash(t.Context(), "correct horse battery")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("%s %s", one, two)
	}
	for password, want := range map[string]bool{"correct horse battery": true, "correct horse batterz": false, "": false, strings.Repeat("x", 5000): false} {
		if ok, stale, err := h.Check(t.Context(), one, password); ok != want || stale || err != nil {
			t.Errorf("%.30q: %t %t %v", password, ok, stale, err)
		}
	}
	// é as one character and as two are the same password.
	accent, _ := h.Hash(t.Context(), "caf\u00e9 au lait")
	if ok, _, _ := h.Check(t.Context(), accent, "cafe\u0301 au lait"); !ok {
		t.Error("the keyboard decides")
	}
}

// Made by the reference implementation: printf … | argon2 somesalt -id -t 2 -m 16 -p 1
func TestKnownHash(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, stale, err := NewHasher(cheap).Check(t.Context(), known, "password")
	if !ok || !stale || err != nil {
		t.Errorf("%t %t %v", ok, stale, err)
	}
	if ok, stale, _ := NewHasher(cheap).Check(t.Context(), known, "other"); ok || stale {
		t.Errorf("a wrong password: %t %t", ok, stale)
	}
}

func TestStaleHashes(t *testing.T) {
	old, _ := NewHasher(cheap).Hash(t.Context(), "correct horse battery")
	for _, p := range []Params{{128, 1, 1}, {64, 2, 1}, {64, 1, 2}} {
		if ok, stale, err := NewHasher(p).Check(t.Context(), old, "correct horse battery"); !ok || !stale || err != nil {
			t.Errorf("%+v: %t %t %v", p, ok, stale, err)
		}
	}
}

func TestBrokenHashes(t *testing.T) {
	for _, text := range []string{
		"plain", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=18$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=99999999,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=0$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1,x=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=64,t=1,p=1$!$AAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA$x",
	} {
		if ok, _, err := NewHasher(cheap).Check(t.Context(), text, ""); ok || err == nil {
			t.Errorf("%s: %t %v", text, ok, err)
		}
	}
}

func TestPasswordRules(t *testing.T) {
	for password, fault := range map[string]string{
		"a long enough one": "", "пароль из слов": "", NewPassword(): "",
		"elevenchars": "fewer than 12", "aaaaaaaaaaaaaaaa": "different", "abababababababab": "different", strings.Repeat("abcdefgh", 200): "longer",
		"ada.lovelace@example.org": "holds the name", "my ADA.LOVELACE password": "holds the name", "\xff\xfe a long enough one": "not readable",
	} {
		err := CheckPassword(password, "ada.lovelace@example.org")
		if fault == "" && err != nil || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
			t.Errorf("%.40q: %v, want %q", password, err, fault)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]string{" Ada@Example.org ": "ada@example.org", "a": "a", "": "", "-x": "", "a b": "", "a\n": "a", "ä": "", strings.Repeat("a", 101): ""} {
		if got, err := ParseName(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}
