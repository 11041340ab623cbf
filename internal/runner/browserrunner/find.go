package browserrunner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// candidates are tried in this order. The headless shell comes first: it needs
// half the memory and half the processor time of the full browser. Programs in
// /usr/bin are often scripts around those in /usr/lib, hence those first.
var candidates = []string{
	"/usr/lib/chromium/chromium-headless-shell",
	"chromium-headless-shell",
	"chrome-headless-shell",
	"headless_shell",
	"headless-shell",
	"chromium",
	"chromium-browser",
	"google-chrome",
	"google-chrome-stable",
	"/opt/google/chrome/chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// install says how to get a browser.
const install = "install one (Debian, Ubuntu: `apt-get install chromium-headless-shell`, or `chromium`; macOS: `brew install --cask chromium`) or name one by its path"

// Find is the program of the browser to run: path where it is set, else the
// first that is installed of chromium-headless-shell, chromium and
// google-chrome. The error says what to install.
func Find(path string) (string, error) {
	if path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("the browser %q cannot be run (%w): %s", path, err, install)
		}
		return unwrap(found), nil
	}
	for _, c := range candidates {
		if found, err := exec.LookPath(c); err == nil {
			return unwrap(found), nil
		}
	}
	return "", fmt.Errorf("no Chromium or Chrome is installed: %s", install)
}

// unwrap is the program that Debian's one-line script runs without exec: the
// signal for our own end would reach only the shell.
func unwrap(path string) string {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	inner := filepath.Join("/usr/lib/chromium", filepath.Base(path))
	if filepath.Base(path) != "chromium-headless-shell" || !isScript(path) {
		return path
	}
	if info, err := os.Stat(inner); err != nil || info.Mode()&0o111 == 0 {
		return path
	}
	return inner
}

func isScript(path string) bool {
	f, err := os.Open(path) //nolint:gosec // the program that is about to be run
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	var head [2]byte
	n, _ := f.Read(head[:])
	return n == 2 && string(head[:]) == "#!"
}
