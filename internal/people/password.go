package people

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Params are what a password's hash costs. Memory is in KiB.
type Params struct {
	Memory, Passes uint32
	Lanes          uint8
}

// DefaultParams is the second recommendation of RFC 9106, section 4: 64 MiB.
var DefaultParams = Params{Memory: 64 << 10, Passes: 3, Lanes: 4}

const (
	saltBytes = 16
	sumBytes  = 32
	// What a stored hash may ask for at most: a row that somebody has changed
	// must not bring the console down.
	maxMemory, maxPasses = 1 << 20, 64
)

// hash is a password's hash in its parts.
type hash struct {
	Params
	salt, sum []byte
}

// String writes the hash in PHC's form.
func (h hash) String() string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, h.Lanes, b64(h.salt), b64(h.sum))
}

var errHash = errors.New("the stored hash of the password is not one of argon2id in PHC's form; reset the password")

// parseHash reads what String wrote, whoever wrote it.
func parseHash(text string) (h hash, err error) {
	part := strings.Split(text, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return hash{}, errHash
	}
	numbers := map[string]uint64{}
	for _, setting := range strings.Split(part[3], ",") {
		key, value, _ := strings.Cut(setting, "=")
		if numbers[key], err = strconv.ParseUint(value, 10, 32); err != nil {
			return hash{}, errHash
		}
	}
	m, t, p := numbers["m"], numbers["t"], numbers["p"]
	if len(numbers) != 3 || m < 8 || m > maxMemory || t < 1 || t > maxPasses || p < 1 || p > 255 {
		return hash{}, errHash
	}
	h.Params = Params{uint32(m), uint32(t), uint8(p)}
	strict := base64.RawStdEncoding.Strict()
	var errSalt, errSum error
	h.salt, errSalt = strict.DecodeString(part[4])
	h.sum, errSum = strict.DecodeString(part[5])
	if errSalt != nil || errSum != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return hash{}, errHash
	}
	return h, nil
}

// ParseParams says what a stored hash costs to check. The error is that of one
// that is none.
func ParseParams(stored string) (Params, error) {
	h, err := parseHash(stored)
	return h.Params, err
}

// maxHashing bounds the hashes that are computed at once, and with it the
// memory that strangers can make the console use.
const maxHashing = 2

// Hasher hashes and checks passwords. It is safe for concurrent use.
type Hasher struct {
	params   Params
	places   chan struct{}
	decoy    hash
	computed atomic.Int64
}

// NewHasher makes a Hasher. Hashes that were made by other parameters are
// still checked.
func NewHasher(p Params) *Hasher {
	h := &Hasher{params: p, places: make(chan struct{}, maxHashing)}
	h.decoy = hash{Params: p, salt: random(saltBytes), sum: random(sumBytes)}
	return h
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails: see crypto/rand
	return b
}

// compute waits for its turn.
func (h *Hasher) compute(ctx context.Context, password string, p Params, salt []byte, size int) ([]byte, error) {
	select {
	case h.places <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-h.places }()
	h.computed.Add(1)
	return argon2.IDKey([]byte(normal(password)), salt, p.Passes, p.Memory, p.Lanes, uint32(size)), nil
}

// normal is the same password however a keyboard composes it.
func normal(password string) string { return norm.NFKC.String(password) }

// Hash makes what is kept of a password. It fails with ctx only.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := random(saltBytes)
	sum, err := h.compute(ctx, password, h.params, salt, sumBytes)
	if err != nil {
		return "", err
	}
	return hash{h.params, salt, sum}.String(), nil
}

// Check reports whether a password is that of a stored hash, and whether the
// hash is to be made anew as it has other parameters than today's. With "" for
// a hash, of nobody, it takes as long and answers false.
func (h *Hasher) Check(ctx context.Context, stored, password string) (ok, stale bool, err error) {
	want, known := h.decoy, stored != ""
	if known {
		if want, err = parseHash(stored); err != nil {
			return false, false, err
		}
	}
	if len(password) > maxPassword {
		password = "" // as long as any; nobody has this one
		known = false
	}
	sum, err := h.compute(ctx, password, want.Params, want.salt, len(want.sum))
	if err != nil {
		return false, false, err
	}
	same := subtle.ConstantTimeCompare(sum, want.sum) == 1
	return same && known, same && known && (want.Params != h.params || len(want.salt) != saltBytes || len(want.sum) != sumBytes), nil
}

const (
	// MinPassword is the least number of characters of a password.
	MinPassword = 12
	// maxPassword bounds its bytes.
	maxPassword = 1024
	// minDifferent is how many different characters it has at least.
	minDifferent = 5
)

// CheckPassword says what is wrong with a new password of somebody, nil where
// nothing is. Length counts, not the kinds of characters.
func CheckPassword(password, name string) error {
	plain := strings.ToLower(normal(password))
	different := map[rune]bool{}
	for _, r := range plain {
		different[r] = true
	}
	short, _, _ := strings.Cut(name, "@")
	switch {
	case !utf8.ValidString(password):
		return errors.New("the password is not readable as text; use another")
	case utf8.RuneCountInString(plain) < MinPassword:
		return fmt.Errorf("the password has fewer than %d characters; a few words are fine", MinPassword)
	case len(password) > maxPassword:
		return fmt.Errorf("the password is longer than %d bytes; use a shorter one", maxPassword)
	case len(different) < minDifferent:
		return fmt.Errorf("the password has fewer than %d different characters; use another", minDifferent)
	case strings.Contains(plain, name) || len(short) >= 4 && strings.Contains(plain, short):
		return errors.New("the password holds the name; use another")
	}
	return nil
}

// NewPassword draws a password of 130 random bits, which can be read aloud.
func NewPassword() string {
	text := strings.ToLower(rand.Text())
	return text[:6] + "-" + text[6:12] + "-" + text[12:18] + "-" + text[18:26]
}
