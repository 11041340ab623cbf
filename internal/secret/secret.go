// Package secret keeps the secrets of a location: a file, sealed by age or by a
// key service, that is opened in the worker alone. It owns the form of that
// file and what a secret may be. It refuses to know who uses a secret
// (template) and how it is hidden (redact).
package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/probefleet/probefleet/internal/check"
)

// Limits of what is kept.
const (
	// MaxValue is the number of bytes of one secret.
	MaxValue = 64 << 10
	// maxFile is the number of bytes of a file.
	maxFile = 16 << 20
)

// Store holds secrets in memory, by name. It is immutable and safe for
// concurrent use; a nil one holds none.
type Store struct{ values map[string]string }

// NewStore makes a Store; the error names every fault.
func NewStore(values map[string]string) (*Store, error) {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		errs = append(errs, Valid(name, values[name]))
	}
	return &Store{maps.Clone(values)}, errors.Join(errs...)
}

// Get is the secret of that name, and whether there is one.
func (s *Store) Get(name string) (string, bool) {
	if s == nil {
		return "", false
	}
	v, ok := s.values[name]
	return v, ok
}

// Names are the names of all secrets, sorted.
func (s *Store) Names() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.values))
}

// Values are all secrets, for whoever hides them.
func (s *Store) Values() []string {
	if s == nil {
		return nil
	}
	return slices.Sorted(maps.Values(s.values))
}

// Valid says what is wrong with a secret, nil where nothing is. The error does
// not hold the value.
func Valid(name, value string) error {
	switch {
	case !check.ValidSecret(name):
		return fmt.Errorf("%q is not the name of a secret: use 1 to 63 letters, digits and '_', not starting with a digit", name)
	case len(value) < check.MinSecret:
		return fmt.Errorf("secret %s has %d bytes: use at least %d, as a shorter one could not be hidden in results", name, len(value), check.MinSecret)
	case len(value) > MaxValue:
		return fmt.Errorf("secret %s has %d bytes: at most %d", name, len(value), MaxValue)
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return fmt.Errorf("secret %s is not text: write binary data in base64, and fromBase64(secrets.%s) where it is used", name, name)
	}
	return nil
}

// File is a file of secrets and the file with the key that opens it.
type File struct {
	// Path is of the secrets, sealed for the key's recipient.
	Path string
	// Key is of the age identity: `age-keygen` writes such a file, and Create
	// does.
	Key string
}

// Read opens the file. That there is none yet is an error of fs.ErrNotExist.
func (f File) Read() (*Store, error) {
	sealed, err := readSome(f.Path)
	if err != nil {
		return nil, fmt.Errorf("reading secrets: %w", err)
	}
	ids, err := f.identities()
	if err != nil {
		return nil, err
	}
	var in io.Reader = strings.NewReader(string(sealed))
	if strings.HasPrefix(string(sealed), armor.Header) {
		in = armor.NewReader(in)
	}
	opened, err := age.Decrypt(in, ids...)
	if err != nil {
		return nil, fmt.Errorf("opening secrets %s with the key %s: %w; name the key for which they were sealed", f.Path, f.Key, err)
	}
	plain, err := io.ReadAll(io.LimitReader(opened, maxFile))
	if err != nil {
		return nil, fmt.Errorf("opening secrets %s: %w; the file is damaged, restore it", f.Path, err)
	}
	return parse(f.Path, plain)
}

// parse reads what is inside a sealed file: an object of names and texts.
func parse(path string, plain []byte) (*Store, error) {
	var values map[string]string
	if err := json.Unmarshal(plain, &values); err != nil {
		return nil, fmt.Errorf("secrets %s are not an object of names and texts: write them by `probefleet secret set`", path)
	}
	s, err := NewStore(values)
	if err != nil {
		return nil, fmt.Errorf("secrets %s: %w", path, err)
	}
	return s, nil
}

// Set adds secrets, or puts them in the place of those of the same name. Where
// there is no file it makes one, and the key where there is none either.
func (f File) Set(values map[string]string) error {
	return f.change(true, func(all map[string]string) error {
		maps.Copy(all, values)
		return nil
	})
}

// Remove takes secrets away; it is an error if one is not there.
func (f File) Remove(names ...string) error {
	return f.change(false, func(all map[string]string) error {
		for _, n := range names {
			if _, there := all[n]; !there {
				return fmt.Errorf("there is no secret %s in %s: `probefleet secret list` names them", n, f.Path)
			}
			delete(all, n)
		}
		return nil
	})
}

func (f File) change(create bool, change func(map[string]string) error) error {
	values := map[string]string{}
	switch s, err := f.Read(); {
	case err == nil:
		values = maps.Clone(s.values)
	case create && errors.Is(err, fs.ErrNotExist) && absent(f.Path):
		if err := f.createKey(); err != nil {
			return err
		}
	default:
		return err
	}
	if values == nil {
		values = map[string]string{}
	}
	if err := change(values); err != nil {
		return err
	}
	if _, err := NewStore(values); err != nil {
		return err
	}
	return f.write(values)
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// write seals values for the key and puts them in the place of the file at
// once, so that a reader sees the old or the new ones.
func (f File) write(values map[string]string) error {
	ids, err := f.identities()
	if err != nil {
		return err
	}
	var recipients []age.Recipient
	for _, id := range ids {
		switch id := id.(type) {
		case *age.X25519Identity:
			recipients = append(recipients, id.Recipient())
		case *age.HybridIdentity:
			recipients = append(recipients, id.Recipient())
		}
	}
	plain, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("writing secrets %s: %w", f.Path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(f.Path), ".secrets-")
	if err != nil {
		return fmt.Errorf("writing secrets %s: %w", f.Path, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it is elsewhere by then
	if err := errors.Join(seal(temp, recipients, plain), temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("writing secrets %s: %w", f.Path, err)
	}
	if err := os.Rename(temp.Name(), f.Path); err != nil {
		return fmt.Errorf("writing secrets %s: %w", f.Path, err)
	}
	return nil
}

func seal(out io.Writer, recipients []age.Recipient, plain []byte) error {
	armored := armor.NewWriter(out)
	sealed, err := age.Encrypt(armored, recipients...)
	if err != nil {
		return err
	}
	if _, err := sealed.Write(plain); err != nil {
		return err
	}
	return errors.Join(sealed.Close(), armored.Close())
}

func (f File) identities() ([]age.Identity, error) {
	data, err := readSome(f.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the key of secrets %s: %w", f.Path, err)
	}
	ids, err := age.ParseIdentities(strings.NewReader(string(data)))
	if err != nil {
		return nil, fmt.Errorf("key %s: %w; `age-keygen` writes such a file", f.Key, err)
	}
	return ids, nil
}

// createKey makes the key where there is none, readable by its owner alone.
func (f File) createKey() error {
	if !absent(f.Key) {
		return nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("making the key %s: %w", f.Key, err)
	}
	text := fmt.Sprintf("# public key: %s\n%s\n", id.Recipient(), id)
	if err := os.WriteFile(f.Key, []byte(text), 0o600); err != nil {
		return fmt.Errorf("making the key %s: %w", f.Key, err)
	}
	return nil
}

func readSome(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the file that was asked for
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
