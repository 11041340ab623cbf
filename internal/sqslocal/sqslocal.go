// Package sqslocal is an SQS-compatible server for one machine: the AWS JSON
// 1.0 protocol over HTTP, as the AWS SDKs speak it, with queues in memory. It
// owns the behaviour of a standard queue: visibility, receipt handles, long
// polls, delays, retention, dead letters, redrive and the limits of each.
//
// It is for development and tests and never for production: nothing is
// written to disk, nobody is authenticated, signatures are not looked at, and
// everything ends with the process. It refuses FIFO queues, permissions and
// the older query protocol, each with an error that says so. Attributes about
// access and encryption are kept and shown, and change nothing.
//
// Where AWS allows several behaviours it takes the harshest for a consumer: a
// delete or an extension with a receipt handle that is no longer the latest
// answers success and changes nothing. Where AWS imposes pauses (60 s between
// two purges, or before the name of a deleted queue is used again) it imposes
// none.
package sqslocal

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Region and Account appear in the ARNs and URLs of the queues. Requests
// signed for another region or account are served all the same.
const (
	Region  = "us-east-1"
	Account = "000000000000"
)

// Options are what a [Server] may be given; the zero value works.
type Options struct {
	// Logger hears of queues that come and go and of refused requests; nil
	// hears nothing.
	Logger *slog.Logger
	// Now is the clock of every timestamp and expiry, [time.Now] by default.
	// Waiting is done by timers of package time, set by Now's differences: a
	// clock that jumps ahead is noticed at the next call on the queue.
	Now func() time.Time
}

// Server answers SQS requests with POST on any path, a liveness check at
// /healthz, and at / a page of plain text about its queues. It is safe for
// concurrent use. An [http.Server] around it must allow responses to take
// longer than the longest poll, 20 seconds.
type Server struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.RWMutex
	queues map[string]*queue // by name

	tasks moveTasks

	done    chan struct{}
	closing sync.Once
	work    sync.WaitGroup // redrives

	maxInFlight int // per queue
}

var _ http.Handler = (*Server)(nil)

// New makes a server without queues.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{
		log:         o.Logger,
		now:         o.Now,
		queues:      map[string]*queue{},
		tasks:       moveTasks{bySource: map[string][]*moveTask{}},
		done:        make(chan struct{}),
		maxInFlight: 120_000,
	}
}

// Close wakes every long poll, which then answers what it has, ends running
// redrives, and answers later requests with 503. The messages are gone with
// the server. Calling it again does nothing. The error is always nil.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.mu.Lock() // no redrive starts after this
		close(s.done)
		s.mu.Unlock()
	})
	s.work.Wait()
	return nil
}

func (s *Server) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// queue finds a queue by name; nil where there is none.
func (s *Server) queue(name string) *queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.queues[name]
}

// all lists the queues, in no order.
func (s *Server) all() []*queue {
	s.mu.RLock()
	defer s.mu.RUnlock()
	qs := make([]*queue, 0, len(s.queues))
	for _, q := range s.queues {
		qs = append(qs, q)
	}
	return qs
}
