package simulate

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

var heads = []string{"policy", "late", "from – to", "p99 wait", "task-hours", "from – to", "cost", "actions", "busy"}

// cells are a row as people read it.
func (r Row) cells() []string {
	return []string{
		r.Policy,
		fmt.Sprintf("%.3f %%", 100*r.Late.Mean), fmt.Sprintf("%.3f – %.3f", 100*r.Late.Min, 100*r.Late.Max),
		fmt.Sprintf("%.1f s", r.P99.Mean),
		fmt.Sprintf("%.1f", r.TaskHours.Mean), fmt.Sprintf("%.1f – %.1f", r.TaskHours.Min, r.TaskHours.Max),
		fmt.Sprintf("%.2f", r.Cost.Mean),
		fmt.Sprintf("%.0f", r.Actions.Mean),
		fmt.Sprintf("%.0f %%", 100*r.Busy.Mean),
	}
}

// Text writes rows as a table for a terminal.
func Text(w io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.Join(heads, "\t")))
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r.cells(), "\t"))
	}
	return t.Flush()
}

// Markdown writes rows as a table for a document.
func Markdown(w io.Writer, rows []Row) error {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|---|%s\n", strings.Join(heads, " | "), strings.Repeat("---:|", len(heads)-1))
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r.cells(), " | "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
