package browserrunner

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

const (
	// maxFilm is the number of pictures of a film strip.
	maxFilm = 12
	// filmPace is the least time between two of them at first.
	filmPace = 200 * time.Millisecond
	// filmWidth and filmHeight bound a picture, in pixels.
	filmWidth, filmHeight = 480, 360
)

// film is the strip of small pictures of a run: one at each change of the
// page, at most so many. Where there are more every second is dropped and the
// pace halved, so that the strip spans the whole run.
type film struct {
	frames []filmFrame
	pace   time.Duration
}

type filmFrame struct {
	at   time.Duration // since the tab was made
	data []byte
}

// startFilm asks for a picture at each change.
func startFilm(ctx context.Context, s session) *pending[cdp.Empty] {
	return send(ctx, s, page.StartScreencast, page.StartScreencastParams{
		Format: page.StartScreencastFormatJpeg, Quality: ptr[int64](50),
		MaxWidth: filmWidth, MaxHeight: filmHeight, MaxFramesInFlight: 1, SendLastFrame: ptr(true),
	})
}

// filmLocked takes a picture. The next comes only when this one is
// acknowledged, which so is the pace.
func (t *tab) filmLocked(m *cdproto.Message) {
	e, ok := decode[page.EventScreencastFrame](m)
	if !ok {
		return
	}
	if t.film.pace == 0 {
		t.film.pace = filmPace
	}
	t.film.frames = append(t.film.frames, filmFrame{time.Since(t.opened), e.Data})
	if len(t.film.frames) > maxFilm {
		kept := t.film.frames[:0]
		for i, f := range t.film.frames {
			if i%2 == 0 {
				kept = append(kept, f)
			}
		}
		t.film.frames, t.film.pace = kept, 2*t.film.pace
	}
	pace := t.film.pace
	go func() {
		select {
		case <-time.After(pace):
			send(t.ctx, t.session, page.ScreencastFrameAck, page.ScreencastFrameAckParams{SessionID: e.SessionID})
		case <-t.ctx.Done():
		}
	}()
}

// strip are the film's pictures, by the time since the flow began.
func (f *flow) strip() []picture {
	f.tab.mu.Lock()
	defer f.tab.mu.Unlock()
	var all []picture
	for _, fr := range f.tab.film.frames {
		since := max(0, fr.at-f.began.Sub(f.tab.opened))
		all = append(all, picture{name: fmt.Sprintf("film-%06d", since.Milliseconds()), data: fr.data})
	}
	return all
}
