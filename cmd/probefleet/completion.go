package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
)

// word is a command as a shell completes it.
type word struct {
	path  string // the words before, with a blank after each
	name  string
	about string
	below []word
	flags []flagWord
}

type flagWord struct {
	name, about string
	// values are what may follow, where that is known; wants whether anything
	// has to.
	values []string
	wants  bool
}

var shells = map[string]func(io.Writer, word){"bash": bashScript, "zsh": zshScript, "fish": fishScript}

func completion(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet completion", "bash|zsh|fish", "prints the completion of these commands and their flags for a shell, such as: source <(probefleet completion bash)", p)
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	script := shells[f.Arg(0)]
	if f.NArg() != 1 || script == nil {
		return &daemon.UsageError{Err: fmt.Errorf("name one shell: bash, zsh or fish")}
	}
	top := word{name: "probefleet"}
	for _, c := range commands() {
		top.below = append(top.below, describe(ctx, "", c))
	}
	var out bytes.Buffer
	script(&out, top)
	_, err := p.Stdout.Write(out.Bytes())
	return err
}

var (
	flagLine   = regexp.MustCompile(`(?m)^  -(\S+)( VALUE)?\s+(.*) \[\w+\]$`)
	choiceText = regexp.MustCompile(`form of the output: ([a-z]+(?: or [a-z]+)+)`)
)

// describe learns a command's flags from its own help: there is no second list
// of them that could be out of date.
func describe(ctx context.Context, path string, c command) word {
	w := word{path: path, name: c.name, about: c.about}
	for _, b := range c.below {
		w.below = append(w.below, describe(ctx, path+c.name+" ", b))
	}
	if c.run == nil {
		return w
	}
	var help bytes.Buffer
	p := daemon.Process{Args: []string{"-h"}, Getenv: func(string) string { return "" }, Stdout: &help, Stderr: io.Discard}
	_ = c.run(ctx, p) // it ends with the error that says that help was asked for
	for _, m := range flagLine.FindAllStringSubmatch(help.String(), -1) {
		fw := flagWord{name: m[1], about: m[3], wants: m[2] != ""}
		if choices := choiceText.FindStringSubmatch(fw.about); choices != nil {
			fw.values = strings.Split(choices[1], " or ")
		}
		w.flags = append(w.flags, fw)
	}
	return w
}

// each calls do for a word and all below it.
func (w word) each(do func(word)) {
	do(w)
	for _, b := range w.below {
		b.each(do)
	}
}

// names are the words that may follow, commands first.
func (w word) names() []string {
	var all []string
	for _, b := range w.below {
		all = append(all, b.name)
	}
	for _, f := range w.flags {
		all = append(all, "-"+f.name)
	}
	return all
}

func bashScript(out io.Writer, top word) {
	fmt.Fprint(out, `# bash completion of probefleet
_probefleet() {
  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" path="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
      -*) break ;;
      *) path="$path${COMP_WORDS[i]} " ;;
    esac
  done
  case "$path$before" in
`)
	top.each(func(w word) {
		for _, f := range w.flags {
			if f.values != nil {
				fmt.Fprintf(out, "    '%s%s -%s'|'%s%s '*' -%s') COMPREPLY=($(compgen -W '%s' -- \"$current\")); return ;;\n", w.path, w.name, f.name, w.path, w.name, f.name, strings.Join(f.values, " "))
			}
		}
	})
	fmt.Fprint(out, "  esac\n  case \"$path\" in\n")
	var lines []string
	top.each(func(w word) {
		at := w.path + w.name + " "
		if w.name == "probefleet" {
			at = ""
		}
		pattern := "'" + at + "'*"
		if at == "" {
			pattern = "''"
		}
		lines = append(lines, fmt.Sprintf("    %s) COMPREPLY=($(compgen -W '%s' -- \"$current\")) ;;\n", pattern, strings.Join(w.names(), " ")))
	})
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) }) // `fleet pin ` before `fleet `
	fmt.Fprint(out, strings.Join(lines, ""))
	fmt.Fprint(out, "  esac\n  if [[ $current != -* ]]; then COMPREPLY+=($(compgen -f -- \"$current\")); fi\n}\ncomplete -o filenames -F _probefleet probefleet\n")
}

func zshScript(out io.Writer, top word) {
	quote := func(s string) string {
		return strings.NewReplacer("'", "'\\''", "[", "\\[", "]", "\\]", ":", "\\:").Replace(s)
	}
	fmt.Fprint(out, "#compdef probefleet\n")
	top.each(func(w word) {
		fmt.Fprintf(out, "_probefleet_%s() {\n", function(w))
		fmt.Fprint(out, "  local line state\n  _arguments -C")
		for _, f := range w.flags {
			value := ""
			switch {
			case f.values != nil:
				value = ":value:(" + strings.Join(f.values, " ") + ")"
			case f.wants:
				value = ":value:_files"
			}
			fmt.Fprintf(out, " \\\n    '*-%s[%s]%s'", f.name, quote(f.about), value)
		}
		if len(w.below) == 0 {
			fmt.Fprint(out, " \\\n    '*:file:_files'\n}\n")
			return
		}
		fmt.Fprint(out, " \\\n    '1: :->command' \\\n    '*::argument:->rest'\n  case $state in\n    command) local -a list; list=(")
		for _, b := range w.below {
			fmt.Fprintf(out, "\n      '%s:%s'", b.name, quote(b.about))
		}
		fmt.Fprint(out, "\n    ); _describe command list ;;\n    rest) case $line[1] in\n")
		for _, b := range w.below {
			fmt.Fprintf(out, "      %s) _probefleet_%s ;;\n", b.name, function(b))
		}
		fmt.Fprint(out, "    esac ;;\n  esac\n}\n")
	})
	fmt.Fprint(out, "compdef _probefleet_top probefleet\n")
}

// function is the name of a word's function in a script.
func function(w word) string {
	if w.name == "probefleet" {
		return "top"
	}
	return strings.ReplaceAll(w.path+w.name, " ", "_")
}

func fishScript(out io.Writer, top word) {
	quote := func(s string) string { return strings.NewReplacer("\\", "\\\\", "'", "\\'").Replace(s) }
	fmt.Fprint(out, "# fish completion of probefleet\n")
	top.each(func(w word) {
		condition := "__fish_use_subcommand"
		if w.name != "probefleet" {
			var parts []string
			for _, name := range strings.Fields(w.path + w.name) {
				parts = append(parts, "__fish_seen_subcommand_from "+name)
			}
			condition = strings.Join(parts, "; and ")
		}
		below := condition
		if w.name != "probefleet" && len(w.below) > 0 {
			var names []string
			for _, b := range w.below {
				names = append(names, b.name)
			}
			below += "; and not __fish_seen_subcommand_from " + strings.Join(names, " ")
		}
		for _, b := range w.below {
			fmt.Fprintf(out, "complete -c probefleet -f -n '%s' -a %s -d '%s'\n", below, b.name, quote(b.about))
		}
		for _, f := range w.flags {
			value := ""
			switch {
			case f.values != nil:
				value = " -x -a '" + strings.Join(f.values, " ") + "'"
			case f.wants:
				value = " -r"
			}
			fmt.Fprintf(out, "complete -c probefleet -n '%s' -o %s -d '%s'%s\n", condition, f.name, quote(f.about), value)
		}
	})
}
