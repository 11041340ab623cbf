package simulate

// message is a job on its way. Its group says when it expires.
type message struct {
	arrived  int32
	group    int16
	receives uint8
	poison   bool
}

// ring is a first-in, first-out queue that grows and is never copied while it
// does not.
type ring[T any] struct {
	items []T
	head  int
	n     int
}

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		bigger := make([]T, max(64, 2*len(r.items)))
		for i := range r.n {
			bigger[i] = r.items[(r.head+i)&(len(r.items)-1)]
		}
		r.items, r.head = bigger, 0
	}
	r.items[(r.head+r.n)&(len(r.items)-1)] = v
	r.n++
}

func (r *ring[T]) first() *T { return &r.items[r.head] }

func (r *ring[T]) pop() T {
	v := r.items[r.head]
	r.head = (r.head + 1) & (len(r.items) - 1)
	r.n--
	return v
}

// batch is a number of jobs of a group that arrived in the same millisecond.
type batch struct {
	at    int32
	group int16
	n     int32
}

// hidden is a message that becomes visible again.
type hidden struct {
	at int32
	m  message
}

// backlog is the queue: what has never been received, what has come back, and
// what is to come back. Each is in the order of time, because the time for
// which a message is hidden is always the same.
type backlog struct {
	fresh   ring[batch]
	waiting int // jobs in fresh
	again   ring[message]
	hidden  ring[hidden]
}

func (b *backlog) arrive(at int32, group, n int) {
	b.fresh.push(batch{at: at, group: int16(group), n: int32(n)})
	b.waiting += n
}

// visible is what could be received now.
func (b *backlog) visible() int { return b.waiting + b.again.n }

// take receives one message, those first that have come back: they are older.
func (b *backlog) take() (m message, isNew bool) {
	if b.again.n > 0 {
		return b.again.pop(), false
	}
	f := b.fresh.first()
	m = message{arrived: f.at, group: f.group}
	b.waiting--
	if f.n--; f.n == 0 {
		b.fresh.pop()
	}
	return m, true
}
