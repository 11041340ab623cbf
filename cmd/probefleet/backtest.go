package main

import (
	"fmt"
	"io"
	"time"

	"github.com/probefleet/probefleet/internal/console"
	"github.com/probefleet/probefleet/internal/numeral"
)

// printBacktests says what changed assertions and alert rules would have meant.
func printBacktests(w io.Writer, p console.Plan) {
	for _, b := range p.Backtests {
		over := b.To.Sub(b.From).Round(time.Minute)
		cut := ""
		if b.Cut {
			cut = ", the newest ones"
		}
		fmt.Fprintf(w, "backtest of %s over the last %s, %s%s: would have paged %s, not %d\n",
			b.ID, over, numeral.Of(b.Runs, "run"), cut, times(b.After.Outages), b.Before.Outages)
		fmt.Fprintf(w, "    in outage for %s, not %s; %s failed, not %d; %d degraded, not %d\n",
			time.Duration(b.After.Seconds)*time.Second, time.Duration(b.Before.Seconds)*time.Second,
			numeral.Of(b.After.Failed, "slot"), b.Before.Failed, b.After.Degraded, b.Before.Degraded)
		if b.Before.Burns+b.After.Burns > 0 {
			fmt.Fprintf(w, "    told of the error budget %s, not %d\n", times(b.After.Burns), b.Before.Burns)
		}
		for _, g := range b.Gaps {
			fmt.Fprintf(w, "    left out for %s: %s: %s\n", numeral.Of(g.Runs, "run"), plainLine(g.Line, 200), g.Why)
		}
	}
	if p.Left > 0 {
		fmt.Fprintf(w, "%s not replayed; plan fewer at a time\n", numeral.Of(p.Left, "more changed check")+" "+numeral.Pick(p.Left, "was", "were"))
	}
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
