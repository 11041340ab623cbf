package simulate

import "time"

// Result is what came of a run. Every job that arrived is in exactly one of
// OnTime, Late, Expired, Dead and Waiting.
type Result struct {
	Arrived int `json:"arrived"`
	// OnTime and Late jobs were done; Late ones began after the allowed wait.
	OnTime int `json:"on_time"`
	Late   int `json:"late"`
	// Expired jobs were too old to be begun.
	Expired int `json:"expired"`
	// Dead are those that nobody could do.
	Dead int `json:"dead"`
	// Waiting were in the queue, or with a worker, at the end; Overdue those of
	// them that no worker had begun within the allowed wait.
	Waiting int `json:"waiting"`
	Overdue int `json:"overdue"`
	// Redelivered counts messages that came back, Killed tasks that were lost.
	Redelivered int `json:"redelivered"`
	Killed      int `json:"killed"`
	// Out and In count changes of the wanted number of tasks.
	Out int `json:"out"`
	In  int `json:"in"`
	// P99 and Longest are waits from slot to start, of what was done or expired.
	P99     time.Duration `json:"p99_ns"`
	Longest time.Duration `json:"longest_ns"`
	// TaskHours are paid for, from launch to end; Busy is the share of their
	// slots' time in which a job ran.
	TaskHours float64  `json:"task_hours"`
	Busy      float64  `json:"busy"`
	Cost      float64  `json:"cost"`
	Minutes   []Minute `json:"-"`

	busy int64
}

// Minute is what happened in one minute.
type Minute struct {
	// Tasks were paid for, and Visible messages waited, at its end.
	Tasks, Visible int
	// Wait is the longest of the first attempts that began, or at its end that
	// of a job that has had none.
	Wait time.Duration
	// Late jobs ended, or expired, in it.
	Late int
}

func (m *Minute) wait(v int32) {
	if d := time.Duration(v) * time.Millisecond; d > m.Wait {
		m.Wait = d
	}
}

// LateShare is the share of what arrived that was late, expired or overdue.
func (r Result) LateShare() float64 {
	if r.Arrived == 0 {
		return 0
	}
	return float64(r.Late+r.Expired+r.Overdue) / float64(r.Arrived)
}

// Actions is how often the wanted number of tasks changed.
func (r Result) Actions() int { return r.Out + r.In }

func (r *run) closeMinute() {
	m := r.minute
	m.Tasks, m.Visible = r.crew.booting+r.crew.active+r.crew.leaving, r.backlog.visible()
	if r.backlog.fresh.n > 0 {
		m.wait(r.minuteEnds - r.backlog.fresh.first().at)
	}
	r.Minutes = append(r.Minutes, m)
	r.minute = Minute{}
	r.minuteEnds += ms(time.Minute)
}

// close counts what is left.
func (r *run) close() Result {
	res := r.Result
	res.Waiting = r.backlog.visible() + r.backlog.hidden.n + r.running
	overdue := func(arrived int32) bool { return r.end-arrived > r.allowed }
	for ; r.backlog.fresh.n > 0; r.backlog.fresh.pop() {
		if f := r.backlog.fresh.first(); overdue(f.at) {
			res.Overdue += int(f.n)
		}
	}
	for r.backlog.again.n > 0 {
		if m := r.backlog.again.pop(); overdue(m.arrived) && !m.poison {
			res.Overdue++
		}
	}
	for r.backlog.hidden.n > 0 {
		if h := r.backlog.hidden.pop(); overdue(h.m.arrived) && !h.m.poison {
			res.Overdue++
		}
	}
	lived, busy := r.crew.lived, res.busy
	for i := range r.crew.tasks {
		if t := r.crew.tasks[i]; t.state != gone {
			lived += int64(r.end - t.launched)
		}
	}
	for i := range r.crew.slots {
		s := r.crew.slots[i]
		if s.took > 0 && s.wait > r.allowed && !s.m.poison {
			res.Overdue++
		}
	}
	res.P99, res.Longest = r.waits.quantile(0.99), time.Duration(r.waits.max)*time.Millisecond
	res.TaskHours = float64(lived) / float64(time.Hour/time.Millisecond)
	if lived > 0 {
		res.Busy = float64(busy) / float64(lived) / float64(r.crew.per)
	}
	res.Cost = res.TaskHours * r.s.Fleet.Price
	return res
}
