// Package child prepares the processes that probefleet starts: a browser, a
// database. They get a process group of their own, so that Ctrl-C reaches
// them only through us; they end when we end, however that happens; and they
// never run as root. It refuses to know what the processes are.
package child

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// DefaultAccount is the account that `make deps` creates for child processes
// of a root installation.
const DefaultAccount = "probefleet"

// Account is an unprivileged account. The zero value means "as we are".
type Account struct {
	Name     string
	UID, GID int
}

// Unprivileged is the account under which children run: the zero Account
// where this process is not root, else the account called name.
func Unprivileged(name string) (Account, error) {
	if os.Geteuid() != 0 {
		return Account{}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return Account{}, fmt.Errorf("running as root needs the unprivileged account %q for the browser and the database: run `useradd --system --create-home %s`", name, name)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return Account{}, fmt.Errorf("account %q has user id %q, not a number", name, u.Uid)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return Account{}, fmt.Errorf("account %q has group id %q, not a number", name, u.Gid)
	}
	if uid == 0 {
		return Account{}, fmt.Errorf("account %q is root itself: name an unprivileged account", name)
	}
	return Account{Name: name, UID: uid, GID: gid}, nil
}

// Own gives the file or folder path to the account; nothing where the account
// is the zero value.
func (a Account) Own(path string) error {
	if a.Name == "" {
		return nil
	}
	return os.Chown(path, a.UID, a.GID)
}
