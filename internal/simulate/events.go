package simulate

// happening is what may befall the fleet or the policy.
type happening uint8

const (
	booted happening = iota
	killed
	noticed // a spot notice
	drained // the end of a drain or a notice
	storm
	reading // metrics are read
	decide  // and arrive
	handing // the recorder stores what attempts took
	looking // the scheduler decides
)

// event is a happening at a time. Task and epoch name whom it befalls: a task
// that has gone since, and whose number another bears, is not concerned.
type event struct {
	at    int32
	seq   int32 // the order in which events of a moment were planned
	what  happening
	task  int32
	epoch int32
}

// agenda is a heap of events, the earliest first. There are few of them: what
// happens for each job is in the wheel.
type agenda struct {
	heap []event
	seq  int32
}

func (a *agenda) next() int32 {
	if len(a.heap) == 0 {
		return never
	}
	return a.heap[0].at
}

func (a *agenda) before(i, j int) bool {
	x, y := &a.heap[i], &a.heap[j]
	if x.at != y.at {
		return x.at < y.at
	}
	// What is told to the policy comes after what befalls the fleet.
	if late := x.what >= reading; late != (y.what >= reading) {
		return !late
	}
	return x.seq < y.seq
}

func (a *agenda) add(e event) {
	e.seq = a.seq
	a.seq++
	a.heap = append(a.heap, e)
	for i := len(a.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !a.before(i, parent) {
			break
		}
		a.heap[i], a.heap[parent] = a.heap[parent], a.heap[i]
		i = parent
	}
}

func (a *agenda) pop() event {
	top, last := a.heap[0], len(a.heap)-1
	a.heap[0] = a.heap[last]
	a.heap = a.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a.before(child, least) {
				least = child
			}
		}
		if least == i {
			return top
		}
		a.heap[i], a.heap[least] = a.heap[least], a.heap[i]
		i = least
	}
}
