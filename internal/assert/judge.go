package assert

import (
	"container/list"
	"fmt"
	"sync"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/probefleet/probefleet/internal/jobs"
)

// Judge evaluates the lines of a check on what was observed: an [API], a
// [Browser], or a pointer to one, or a [Net]. There is one verdict a line, in order, expect
// first. A line that does not compile, or that cannot be evaluated, gives a
// verdict that is not OK and says why. Judge keeps compiled lines; it may be
// called from any number of goroutines.
func Judge(kind check.Kind, expect, degraded []string, seen any) []jobs.Verdict {
	verdicts := make([]jobs.Verdict, 0, len(expect)+len(degraded))
	o := &observation{}
	switch s := seen.(type) {
	case API:
		o.api = s
	case *API:
		o.api = *s
	case Browser:
		o.web = s
	case *Browser:
		o.web = *s
	case Net:
		o.net, o.api.Body = s, s.Body // its JSON is that of an API check
	default:
		panic(fmt.Sprintf("assert: Judge of a %T", seen))
	}
	for _, line := range expect {
		verdicts = append(verdicts, judge(kind, line, o, false))
	}
	for _, line := range degraded {
		verdicts = append(verdicts, judge(kind, line, o, true))
	}
	return verdicts
}

func judge(kind check.Kind, line string, o *observation, degraded bool) jobs.Verdict {
	v := jobs.Verdict{Expr: line, Degraded: degraded}
	a, err := compiled.get(kind, line)
	if err != nil {
		v.Message = fmt.Sprintf("%s (%v)", shorten(line), err)
		return v
	}
	v.OK, v.Message = a.judge(o)
	return v
}

// judge evaluates the assertion; the message is empty where it holds.
func (a *Assertion) judge(o *observation) (bool, string) {
	f := newFrame(o)
	v := guard(f, a.run)
	if v == true {
		return true, ""
	}
	return false, a.explain(o, v)
}

// cacheSize bounds the compiled lines that are kept: those of a thousand
// checks or more.
const cacheSize = 4096

// compiled is the cache of this process. What it returns depends on the key
// alone, so sharing it is not seen from outside.
var compiled = newCache(cacheSize)

// cache keeps the compiled lines that were used last.
type cache struct {
	mu     sync.Mutex
	size   int
	byLine map[cacheKey]*list.Element
	recent *list.List // of *cacheEntry, the last used in front
}

type cacheKey struct {
	kind check.Kind
	line string
}

// cacheEntry is one line. It is in the cache before it is compiled: whoever
// comes meanwhile waits for the same compilation.
type cacheEntry struct {
	key  cacheKey
	once sync.Once
	a    *Assertion
	err  *CompileError
}

func newCache(size int) *cache {
	return &cache{size: size, byLine: map[cacheKey]*list.Element{}, recent: list.New()}
}

func (c *cache) get(kind check.Kind, line string) (*Assertion, error) {
	if len(line) > MaxLength {
		return Compile(kind, line) // refused, and not worth keeping
	}
	e := c.entry(cacheKey{kind, line})
	e.once.Do(func() { e.a, e.err = compile(kind, line) })
	if e.err != nil {
		return nil, e.err
	}
	return e.a, nil
}

func (c *cache) entry(k cacheKey) *cacheEntry {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byLine[k]; ok {
		c.recent.MoveToFront(el)
		return el.Value.(*cacheEntry)
	}
	e := &cacheEntry{key: k}
	c.byLine[k] = c.recent.PushFront(e)
	if c.recent.Len() > c.size {
		oldest := c.recent.Back()
		c.recent.Remove(oldest)
		delete(c.byLine, oldest.Value.(*cacheEntry).key)
	}
	return e
}
