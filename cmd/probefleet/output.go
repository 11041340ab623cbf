package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// outputFlag adds -o, of which the first form is the default.
func outputFlag(f *daemon.Flags, into *string, forms ...string) {
	f.StringVar(into, "o", forms[0], "form of the output: "+strings.Join(forms, " or "))
	f.Env("o", "PROBEFLEET_OUTPUT")
	f.Check(func() error {
		if *into == "table" || *into == "text" { // the environment speaks to every command
			if !slices.Contains(forms, *into) {
				*into = forms[0]
			}
		}
		if !slices.Contains(forms, *into) {
			return fmt.Errorf("-o %q: use %s", *into, strings.Join(forms, " or "))
		}
		return nil
	})
}

// printAs writes v as JSON where that is wished, else as people read it.
func printAs(w io.Writer, form string, v any, forPeople func() error) error {
	if form != "json" {
		return forPeople()
	}
	return writeJSON(w, v)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
