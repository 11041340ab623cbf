package dashboard

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"html/template"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/probefleet/probefleet/internal/status"
)

// maxDrawings bounds the drawings that are kept; one has some 4 KB over 90 days.
const maxDrawings = 5000

// drawings are histories as they were drawn for pages of many services. A page
// is made anew with every reading, as it tells times; most of its bars are
// those of the page before.
type drawings struct {
	kept *lru.Cache[drawing, template.HTML]
}

// drawing names what is drawn: a check over a period, and a digest of all that
// its bars depend on.
type drawing struct {
	check  string
	days   int
	digest uint64
}

func newDrawings() drawings {
	kept, err := lru.New[drawing, template.HTML](maxDrawings)
	if err != nil {
		panic(err) // the number is no number of things
	}
	return drawings{kept}
}

// drawingOf names the bars of a check at a time. They change with its history,
// with the hours that were counted, with how the check is run, and where the
// newest bar begins or one more has ended; times of day are those of a zone.
func drawingOf(c status.Check, p period, sum uint64, known past, now time.Time) drawing {
	h := fnv.New64a()
	ended := status.Settled(c.Every, c.Timeout, now).UTC().Truncate(p.step)
	fmt.Fprintln(h, sum, c.Every, c.Locations, known.outages, known.counted, p.start(now).Unix(), ended.Unix(), now.Location())
	return drawing{c.ID, p.days, h.Sum64()}
}

// get is the drawing of a name, by draw where there is none.
func (d drawings) get(name drawing, draw func() bars) template.HTML {
	if text, ok := d.kept.Get(name); ok {
		return text
	}
	var b bytes.Buffer
	if err := indexPage.ExecuteTemplate(&b, "bars", draw()); err != nil {
		panic(fmt.Sprintf("drawing bars: %v", err)) // numbers and words into a buffer
	}
	text := template.HTML(b.String()) //nolint:gosec // a template wrote it
	d.kept.Add(name, text)
	return text
}
