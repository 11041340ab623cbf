package sqslocal

import (
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A moveTask is a redrive of dead letters: to a queue that was named, or each
// to the queue from which it came. Messages in flight stay.
type moveTask struct {
	handle              string
	source, destination string // names; destination may be ""
	rate                int    // messages a second, 0 for as fast as it goes
	started             time.Time
	toMove              int

	// moveTasks.mu guards these.
	moved          int
	status, reason string
}

// The states of a task, in AWS's words.
const (
	running    = "RUNNING"
	cancelling = "CANCELLING"
	cancelled  = "CANCELLED"
	completed  = "COMPLETED"
	failed     = "FAILED"
)

// keptTasks is how many tasks of a queue are remembered.
const keptTasks = 10

// moveTasks remembers the latest tasks of every source, the newest first.
type moveTasks struct {
	mu       sync.Mutex
	bySource map[string][]*moveTask
}

type startMessageMoveTaskInput struct {
	SourceArn, DestinationArn    string
	MaxNumberOfMessagesPerSecond *int
}

type taskHandle struct{ TaskHandle string }

func (s *Server) startMessageMoveTask(_ *http.Request, in *startMessageMoveTaskInput) (out taskHandle, err error) {
	if in.SourceArn == "" {
		return out, missingParameter("SourceArn")
	}
	source := s.queue(nameOf(in.SourceArn))
	if source == nil {
		return out, resourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist: %q.", clip(in.SourceArn))
	}
	t := &moveTask{source: source.name, started: s.now(), status: running}
	if in.DestinationArn != "" {
		t.destination = nameOf(in.DestinationArn)
		switch {
		case s.queue(t.destination) == nil:
			return out, resourceNotFound("The resource that you specified for the DestinationArn parameter doesn't exist: %q.", clip(in.DestinationArn))
		case t.destination == t.source:
			return out, invalidParameter("DestinationArn", in.DestinationArn, "Source and destination are the same queue")
		}
	}
	if len(s.sourcesOf(source.name)) == 0 {
		return out, invalidParameter("SourceArn", in.SourceArn, "Source queue must be configured as a Dead Letter Queue")
	}
	if t.rate, err = orDefault("MaxNumberOfMessagesPerSecond", in.MaxNumberOfMessagesPerSecond, 0, 1, 500); err != nil {
		return out, err
	}
	t.toMove = source.depth().visible
	t.handle = base64.RawURLEncoding.EncodeToString([]byte(source.name + "\n" + newID()))
	if err := s.tasks.add(t); err != nil {
		return out, err
	}
	s.mu.RLock() // Close waits for work only after it had this lock
	defer s.mu.RUnlock()
	if !s.closed() {
		s.work.Go(func() { s.move(t, source) })
	}
	return taskHandle{t.handle}, nil
}

func (ts *moveTasks) add(t *moveTask) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	tasks := ts.bySource[t.source]
	if len(tasks) > 0 && tasks[0].active() {
		return invalidParameter("SourceArn", arnOf(t.source), "There is already a task running. Only one active task is allowed for a source queue arn at a given time")
	}
	tasks = slices.Insert(tasks, 0, t)
	ts.bySource[t.source] = tasks[:min(len(tasks), keptTasks)]
	return nil
}

func (t *moveTask) active() bool { return t.status == running || t.status == cancelling }

// move does a task, in steps: of a tenth of a second where it has a rate.
func (s *Server) move(t *moveTask, source *queue) {
	const step = 100
	var every <-chan time.Time
	if t.rate > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(min(t.rate, 10)))
		defer ticker.Stop()
		every = ticker.C
	}
	for left := t.toMove; ; {
		n := step
		if t.rate > 0 {
			select {
			case <-every:
			case <-s.done:
			}
			n = max(1, t.rate/10)
		}
		moved, reason := 0, ""
		if !s.closed() && left > 0 {
			moved, reason = s.moveSome(source, t.destination, min(n, left))
		}
		left -= moved
		if s.tasks.progress(t, moved, reason, left == 0 || moved == 0) {
			return
		}
	}
}

// progress notes what a step did and reports whether the task is over.
func (ts *moveTasks) progress(t *moveTask, moved int, reason string, last bool) (over bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.moved += moved
	switch {
	case reason != "":
		t.status, t.reason = failed, reason
	case t.status == cancelling:
		t.status = cancelled
	case last:
		t.status = completed
	}
	return !t.active()
}

// moveSome moves up to n visible messages as new ones: another id, sent now,
// never received. It stops at one whose destination is not known.
func (s *Server) moveSome(source *queue, destination string, n int) (moved int, reason string) {
	now := s.now()
	batches := map[*queue][]*message{}
	source.mu.Lock()
	source.refresh(now)
	for ; moved < n && source.ready.n > 0; moved++ {
		m := source.ready.front
		name := destination
		if name == "" {
			name = nameOf(m.source)
		}
		to := source.lookup(name)
		if to == nil {
			reason = "CouldNotDetermineMessageSource"
			break
		}
		source.drop(m)
		c := *m.content
		c.id, c.sent, c.source = newID(), now, ""
		batches[to] = append(batches[to], &message{content: &c})
	}
	source.settle()
	source.mu.Unlock()
	for to, ms := range batches {
		to.put(ms...)
	}
	return moved, reason
}

type listMessageMoveTasksInput struct {
	SourceArn  string
	MaxResults *int
}

type listMessageMoveTasksOutput struct{ Results []taskReport }

type taskReport struct {
	TaskHandle                        string `json:",omitempty"` // of running ones
	Status                            string
	SourceArn                         string
	DestinationArn                    string `json:",omitempty"`
	MaxNumberOfMessagesPerSecond      int    `json:",omitempty"`
	ApproximateNumberOfMessagesMoved  int
	ApproximateNumberOfMessagesToMove int
	FailureReason                     string `json:",omitempty"`
	StartedTimestamp                  int64  // milliseconds
}

func (s *Server) listMessageMoveTasks(_ *http.Request, in *listMessageMoveTasksInput) (out listMessageMoveTasksOutput, err error) {
	name := nameOf(in.SourceArn)
	if s.queue(name) == nil {
		return out, resourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist: %q.", clip(in.SourceArn))
	}
	n, err := orDefault("MaxResults", in.MaxResults, 1, 1, keptTasks)
	if err != nil {
		return out, err
	}
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	tasks := s.tasks.bySource[name]
	out.Results = []taskReport{}
	for _, t := range tasks[:min(n, len(tasks))] {
		r := taskReport{
			Status:                            t.status,
			SourceArn:                         arnOf(t.source),
			MaxNumberOfMessagesPerSecond:      t.rate,
			ApproximateNumberOfMessagesMoved:  t.moved,
			ApproximateNumberOfMessagesToMove: t.toMove,
			FailureReason:                     t.reason,
			StartedTimestamp:                  t.started.UnixMilli(),
		}
		if t.status == running {
			r.TaskHandle = t.handle
		}
		if t.destination != "" {
			r.DestinationArn = arnOf(t.destination)
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}

type cancelMessageMoveTaskOutput struct {
	ApproximateNumberOfMessagesMoved int
}

func (s *Server) cancelMessageMoveTask(_ *http.Request, in *taskHandle) (out cancelMessageMoveTaskOutput, err error) {
	s.tasks.mu.Lock()
	defer s.tasks.mu.Unlock()
	for _, tasks := range s.tasks.bySource {
		for _, t := range tasks {
			if t.handle != in.TaskHandle {
				continue
			}
			if t.status != running {
				return out, unsupported("Only active tasks can be cancelled.")
			}
			t.status = cancelling
			return cancelMessageMoveTaskOutput{t.moved}, nil
		}
	}
	return out, resourceNotFound("Task does not exist.")
}
