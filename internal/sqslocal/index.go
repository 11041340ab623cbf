package sqslocal

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"text/tabwriter"
)

func (s *Server) serveHealth(w http.ResponseWriter) {
	if s.closed() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}

// serveIndex lists the queues for a person.
func (s *Server) serveIndex(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	qs := s.all()
	slices.SortFunc(qs, func(a, b *queue) int { return cmp.Compare(a.name, b.name) })
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer func() { _ = tw.Flush() }() // the reader may have gone away
	_, _ = fmt.Fprintf(tw, "probefleet's local SQS server: in memory, for development. Queues: %d.\n\n", len(qs))
	_, _ = fmt.Fprint(tw, "QUEUE\tVISIBLE\tIN FLIGHT\tDELAYED\tPOLLS\tDEAD LETTERS TO\n")
	for _, q := range qs {
		d := q.depth()
		q.mu.Lock()
		polls, dead := q.waiters.Len(), "-"
		if p := q.set.redrive; p != nil {
			dead = fmt.Sprintf("%s after %d", p.target, p.maxReceives)
		}
		q.mu.Unlock()
		_, _ = fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%s\n", q.name, d.visible, d.inFlight, d.delayed, polls, dead)
	}
}
