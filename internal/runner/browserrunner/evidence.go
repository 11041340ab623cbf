package browserrunner

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/target"

	"github.com/probefleet/probefleet/internal/jobs"
)

const (
	// pictureTimeout bounds the picture of a finished or failed flow and what
	// is asked of its page: one that is kept busy cannot be drawn.
	pictureTimeout = 2 * time.Second
	// storeTimeout bounds the storing of all pictures of a run.
	storeTimeout = 10 * time.Second
	// quality of JPEG pictures: text stays readable.
	quality = 80
)

// picture is one taken; data is nil where the page could not be drawn.
type picture struct {
	name string
	data []byte
	// contentType is that of what is no picture; "" is JPEG.
	contentType string
}

// picture takes a picture of the viewport of the page that the last step was
// for, to be stored at the end of the run. Where pictures are not kept it is
// only noted.
func (f *flow) picture(ctx context.Context, name string) error {
	p := picture{name: f.unique(name)}
	var err error
	if f.runner.artifacts != nil {
		v := f.tab.shown()
		f.tab.mask(ctx, v, f.scrub.unseen)
		var shot page.CaptureScreenshotResult
		// JPEG takes a third less time than PNG.
		shot, err = call(ctx, v.session, page.CaptureScreenshot, page.CaptureScreenshotParams{
			Format:           page.CaptureScreenshotFormatJpeg,
			Quality:          ptr[int64](quality),
			OptimizeForSpeed: ptr(true),
		})
		p.data = shot.Data
	}
	f.pictures = append(f.pictures, p)
	return err
}

// unique is name in the form of a key, with a number where it was used before.
func (f *flow) unique(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, shorten(name, 60))
	unique := clean
	for n := 2; ; n++ {
		taken := false
		for _, p := range f.pictures {
			taken = taken || p.name == unique
		}
		if !taken {
			return unique
		}
		unique = fmt.Sprintf("%s-%d", clean, n)
	}
}

// page is where the tab is, by the browser's knowledge: a busy page need not
// answer.
func (t *tab) page(ctx context.Context) (jobs.Page, error) {
	return pageOf(t.askPage(ctx).wait(ctx))
}

func (t *tab) askPage(ctx context.Context) *pending[target.GetTargetInfoResult] {
	return send(ctx, t.browser.root(), target.GetTargetInfo, target.GetTargetInfoParams{TargetID: t.id})
}

func pageOf(info target.GetTargetInfoResult, err error) (jobs.Page, error) {
	if err != nil || info.TargetInfo == nil {
		return jobs.Page{}, err
	}
	return jobs.Page{URL: info.TargetInfo.URL, Title: info.TargetInfo.Title}, nil
}

// store keeps the pictures and returns what the result says about them. A
// picture that could not be taken or stored has no key; the outcome does not
// change for that.
func (r *Runner) store(ctx context.Context, j jobs.Job, pictures []picture) []jobs.Artifact {
	if len(pictures) == 0 {
		return nil
	}
	// The run's own time may be over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	artifacts := make([]jobs.Artifact, len(pictures))
	var wg sync.WaitGroup
	for i, p := range pictures {
		file := p.name
		if p.contentType == "" {
			p.contentType, file = "image/jpeg", p.name+".jpg"
		}
		artifacts[i] = jobs.Artifact{Name: p.name, ContentType: p.contentType, Size: int64(len(p.data))}
		if p.data == nil || r.artifacts == nil {
			continue
		}
		wg.Go(func() {
			key := fmt.Sprintf("runs/%s/%s/%d-%s", j.Slot.UTC().Format(time.DateOnly), j.RunID, j.Attempt, file)
			if err := r.artifacts.Put(ctx, key, p.contentType, p.data); err != nil {
				r.log.Warn("picture not stored", "check", j.Check.ID, "job", j.ID, "key", key, "err", err)
				return
			}
			artifacts[i].Key = key
		})
	}
	wg.Wait()
	return artifacts
}
