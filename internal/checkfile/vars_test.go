package checkfile

import (
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
)

// What is nearer to a check goes before, what is meant for the environment
// before what is not, and what the command line says before all.
func TestVariablesOfGroupsAndEnvironments(t *testing.T) {
	const file = `
vars: {base: file, user: file, word: file, group: Shop}
environments: {staging: {base: file-staging, word: file-staging}}
groups:
  Shop:
    vars: {user: shop, word: shop}
    environments: {staging: {user: shop-staging}}
checks:
  - {id: a, request: "https://{{ vars.base }}/{{ vars.user }}/{{ vars.word }}"}
  - {id: b, group: "{{ vars.group }}", request: "https://{{ vars.base }}/{{ vars.user }}/{{ vars.word }}"}
`
	for _, tt := range []struct {
		options Options
		a, b    string
	}{
		{Options{}, "https://file/file/file", "https://file/shop/shop"},
		{Options{Environment: "staging"}, "https://file-staging/file/file-staging", "https://file-staging/shop-staging/shop"},
		{Options{Environment: "staging", Vars: map[string]string{"user": "mine"}}, "https://file-staging/mine/file-staging", "https://file-staging/mine/shop"},
	} {
		cs, err := Parse("f", []byte(file), tt.options)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{tt.a, tt.b} {
			if got := cs[i].Spec.(*check.API).Steps[0].Request.URL; got != want {
				t.Errorf("%+v: %s, want %s", tt.options, got, want)
			}
		}
	}
	_, err := Parse("f", []byte(file), Options{Environment: "stagging"})
	if err == nil || !strings.Contains(err.Error(), `no file has an environment "stagging"; did you mean staging?`) {
		t.Error(err)
	}
}
