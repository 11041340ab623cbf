package numeral

import "testing"

func TestOf(t *testing.T) {
	for n, want := range map[int]string{0: "0 checks", 1: "1 check", 2: "2 checks", 21: "21 checks", 1260: "1260 checks", -1: "-1 checks"} {
		if got := Of(n, "check"); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	if got := Of(1, "run") + " " + Pick(1, "was", "were"); got != "1 run was" {
		t.Errorf("%q", got)
	}
	if got := Of(3, "run") + " " + Pick(3, "was", "were"); got != "3 runs were" {
		t.Errorf("%q", got)
	}
}
