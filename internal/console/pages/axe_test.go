//go:build axe

package pages_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Every page on a phone and on a desktop, light and dark, as axe-core sees it:
// no finding that is serious or critical. `make axe` installs it and runs this.
func TestAccessible(t *testing.T) {
	source, err := os.ReadFile(os.Getenv("PROBEFLEET_AXE"))
	if err != nil {
		t.Fatalf("PROBEFLEET_AXE has to name axe.min.js; use `make axe`: %v", err)
	}
	// The findings are put into the title, which is what a result tells.
	look := fmt.Sprintf(`(() => {
		if (document.readyState !== 'complete') return false;
		if (!window.axe) {
			%s;
			axe.run(document, {resultTypes: ['violations']}).then(r => {
				window.found = r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical')
					.map(v => v.id + ' ' + v.nodes.slice(0, 4).map(n => n.target.join(' ') + ' ' + (n.any[0] || n.all[0] || n.none[0] || {}).message).join(' | '));
				document.title = window.found.join(' || ') || 'none';
			});
		}
		return !!window.found && window.found.length === 0;
	})()`, strings.TrimSpace(string(source)))
	for _, dark := range []bool{false, true} {
		s := newSite(t, `Check <b> out`, dark)
		for _, width := range []int{390, 1280} {
			var paths []string
			for _, p := range s.paths {
				paths = append(paths, s.url+p)
			}
			if testing.Short() {
				paths = paths[:2]
			}
			for _, fault := range browse(t, width, paths, look) {
				t.Errorf("%d pixels, dark %t: %s", width, dark, fault)
			}
		}
	}
}
