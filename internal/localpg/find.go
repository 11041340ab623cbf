package localpg

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// ErrNotInstalled is returned, wrapped, where no server binaries were found.
var ErrNotInstalled = errors.New("no PostgreSQL server is installed")

// Find is the folder that holds the server's binaries (postgres and initdb):
// where pg_config says, else Debian's newest, else Homebrew's newest, else
// where PATH finds them. The error names the command that installs them.
func Find() (bindir string, err error) {
	dirs := candidates()
	if len(dirs) == 0 {
		return "", notInstalled("")
	}
	return dirs[0], nil
}

// findMajor is the folder with the binaries of one major version.
func findMajor(major string) (string, error) {
	var found []string
	for _, dir := range candidates() {
		v, err := binaryMajor(dir)
		if err != nil {
			continue
		}
		if v == major {
			return dir, nil
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return "", notInstalled(major)
	}
	return "", fmt.Errorf("the data was made by PostgreSQL %s, but only PostgreSQL %s is installed: %s, or upgrade the data with pg_upgrade, or move the folder away to start afresh",
		major, strings.Join(found, ", "), installHint(major))
}

func notInstalled(major string) error {
	return fmt.Errorf("%w: %s", ErrNotInstalled, installHint(major))
}

func installHint(major string) string {
	suffix := ""
	if runtime.GOOS == "darwin" {
		if major == "" {
			major = "17"
		}
		return "run `brew install postgresql@" + major + "`"
	}
	if major != "" {
		suffix = "-" + major
	}
	return "run `apt-get install postgresql" + suffix + "` (or your system's package of the PostgreSQL server)"
}

// candidates lists every folder that holds a server, best first.
func candidates() []string {
	var dirs []string
	add := func(dir string) {
		if usable(dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	if out, err := output("pg_config", "--bindir"); err == nil {
		add(out)
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // Fedora and others, PGDG packages
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.SortFunc(matches, func(a, b string) int { return cmp.Compare(versionOf(b), versionOf(a)) })
		for _, m := range matches {
			add(m)
		}
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(p); err == nil {
			add(filepath.Dir(real))
		}
	}
	return dirs
}

var digits = regexp.MustCompile(`[0-9]+`)

// versionOf is the first number in a path, 0 where there is none.
func versionOf(path string) int {
	n, _ := strconv.Atoi(digits.FindString(path))
	return n
}

func usable(dir string) bool {
	for _, name := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

var versionLine = regexp.MustCompile(`\(PostgreSQL\) ([0-9]+)`)

// binaryMajor is the major version of the server in bindir.
func binaryMajor(bindir string) (string, error) {
	out, err := output(filepath.Join(bindir, "postgres"), "--version")
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", filepath.Join(bindir, "postgres"), err)
	}
	m := versionLine.FindStringSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("%s says %q, which names no PostgreSQL version", filepath.Join(bindir, "postgres"), out)
	}
	return m[1], nil
}

// output is what a command that answers at once prints.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output() //nolint:noctx // it answers at once
	return strings.TrimSpace(string(out)), err
}
