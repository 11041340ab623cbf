package main

import (
	"context"
	"fmt"

	"github.com/probefleet/probefleet/cmd/internal/daemon"
	"github.com/probefleet/probefleet/internal/sqslocal"
)

func sqs(ctx context.Context, p daemon.Process) error {
	f := daemon.NewFlags("probefleet sqs", "", "runs the local SQS server: standard queues, in memory, for development and tests only", p)
	var addr, level string
	f.StringVar(&addr, "addr", "127.0.0.1:9324", "address to listen on")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	if err := f.Parse(p.Args); err != nil {
		return err
	}
	log, err := daemon.NewLogger(p.Stderr, "text", level)
	if err != nil {
		return &daemon.UsageError{Err: err}
	}
	l, err := daemon.Listen(ctx, addr, "addr", false)
	if err != nil {
		return err
	}
	server := sqslocal.New(sqslocal.Options{Logger: log})
	fmt.Fprintf(p.Stdout, "AWS_ENDPOINT_URL_SQS=http://%s\n", l.Addr())
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return daemon.HTTP(ctx, l, server, log)
}
