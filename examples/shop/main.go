// Command shop serves the demo shop: something to watch.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probefleet/probefleet/examples/shop/shop"
)

func main() {
	os.Exit(status(run(context.Background(), os.Args[1:], os.Stderr)))
}

// errUsage is an error about which the flags have spoken already.
var errUsage = errors.New("usage")

func status(err error) int {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return 2
	}
	fmt.Fprintln(os.Stderr, "shop:", err)
	return 1
}

// run serves the shop until ctx ends or the process is told to stop, then lets
// what is being answered finish for five seconds.
func run(ctx context.Context, args []string, out io.Writer) error {
	var (
		o       shop.Options
		flags   = flag.NewFlagSet("shop", flag.ContinueOnError)
		addr    = flags.String("addr", "127.0.0.1:8085", "address to listen on")
		faulty  = flags.String("fault", "none", "what to break, with commas between: "+shop.FaultNames())
		parsing error
	)
	flags.SetOutput(out)
	flags.DurationVar(&o.Slow, "slow", 0, "delay of every page and API call, such as 300ms")
	flags.Float64Var(&o.FaultRate, "fault-rate", 1, "share of requests that the fault hits, 0 to 1")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if o.Faults, parsing = shop.ParseFaults(*faulty); parsing != nil {
		return parsing
	}
	if o.FaultRate < 0 || o.FaultRate > 1 {
		return fmt.Errorf("-fault-rate %g is out of range: use 0 to 1", o.FaultRate)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; choose another with -addr", *addr, err)
	}
	network, err := openNetwork(ctx, l)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the shop is open on http://%s\n", l.Addr())
	for _, name := range slices.Sorted(maps.Keys(network.Vars())) {
		fmt.Fprintf(out, "  %-6s %s\n", name, network.Vars()[name])
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return network.Serve(ctx) })
	g.Go(func() error { return serve(ctx, l, shop.Handler(o)) })
	return g.Wait()
}

// openNetwork opens what the shop answers besides HTTP, at the ports behind
// that of l.
func openNetwork(ctx context.Context, l net.Listener) (*shop.Network, error) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("%s is no address of TCP", l.Addr())
	}
	return shop.OpenNetwork(ctx, at.IP.String(), at.Port+1)
}

func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped <- server.Shutdown(grace)
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := <-stopped; err != nil {
		return server.Close() // what is still being answered has had its time
	}
	return nil
}
