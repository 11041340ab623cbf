package sqslocal

// line is a first-in first-out list of messages that gives up any of its
// members at once.
type line struct {
	front, back *message
	n           int
}

func (l *line) push(m *message) {
	m.prev, m.next = l.back, nil
	if l.back == nil {
		l.front = m
	} else {
		l.back.next = m
	}
	l.back = m
	l.n++
}

func (l *line) remove(m *message) {
	if m.prev == nil {
		l.front = m.next
	} else {
		m.prev.next = m.next
	}
	if m.next == nil {
		l.back = m.prev
	} else {
		m.next.prev = m.prev
	}
	m.prev, m.next = nil, nil
	l.n--
}

// agenda is a heap of hidden messages, the first to be visible on top; see
// container/heap.
type agenda []*message

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].visibleAt.Before(a[j].visibleAt) }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].index, a[j].index = i, j
}

func (a *agenda) Push(x any) {
	m := x.(*message)
	m.index = len(*a)
	*a = append(*a, m)
}

func (a *agenda) Pop() any {
	last := len(*a) - 1
	m := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	return m
}
