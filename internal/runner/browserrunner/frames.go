package browserrunner

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"

	"github.com/probefleet/probefleet/internal/jobs"
)

// frame is one document's place in the tab: that of a page, or of an iframe.
// Its id stays when another process takes it over. Guarded by tab.mu.
type frame struct {
	id       cdp.FrameID
	view     *view
	parent   *frame // nil for that of a page
	children []*frame
	url      string
	loaded   bool // its newest document has stopped loading
	gone     bool
	// navigations counts those within a document too.
	navigations int
	// world is ours in the frame, main that of its own scripts; 0 where it is
	// not known. coming says that watch.js is about to make ours.
	world, main runtime.ExecutionContextID
	coming      bool
}

// frameAt is the frame of that id in view v, made where it is new.
func (t *tab) frameAt(v *view, id, parent cdp.FrameID) *frame {
	fr := t.frames[id]
	if fr == nil {
		fr = &frame{id: id, view: v}
		t.frames[id] = fr
	}
	if p := t.frames[parent]; p != nil && fr.parent == nil && p != fr {
		fr.parent = p
		p.children = append(p.children, fr)
	}
	return fr
}

// framesLocked takes the events that tell of frames. It reports whether m was
// one.
func (t *tab) framesLocked(v *view, m *cdproto.Message) bool {
	switch m.Method {
	case cdproto.EventPageFrameAttached:
		if e, ok := decode[page.EventFrameAttached](m); ok {
			t.frameAt(v, e.FrameID, e.ParentFrameID)
		}
	case cdproto.EventPageFrameNavigated:
		if e, ok := decode[page.EventFrameNavigated](m); ok {
			if strayed(e.Frame.URL) {
				t.cancel(&stepError{class: jobs.FaultEgress, message: fmt.Sprintf("the page went to %q: only http and https addresses are opened", shorten(e.Frame.URL, 200))})
			}
			fr := t.frameAt(v, e.Frame.ID, e.Frame.ParentID)
			if e.Frame.ParentID == "" && v.root != fr && v.page {
				v.root = fr
			}
			fr.view, fr.url, fr.loaded, fr.world, fr.main = v, e.Frame.URL+e.Frame.URLFragment, false, 0, 0
			fr.coming = v.watched && webAddress(e.Frame.URL)
			fr.navigations++
		}
	case cdproto.EventPageNavigatedWithinDocument:
		if e, ok := decode[page.EventNavigatedWithinDocument](m); ok && t.frames[e.FrameID] != nil {
			t.frames[e.FrameID].url = e.URL
			t.frames[e.FrameID].navigations++
		}
	case cdproto.EventPageFrameStoppedLoading:
		if e, ok := decode[page.EventFrameStoppedLoading](m); ok && t.frames[e.FrameID] != nil {
			t.frames[e.FrameID].loaded = true
		}
	case cdproto.EventPageFrameDetached:
		// One that another process takes over keeps its place.
		if e, ok := decode[page.EventFrameDetached](m); ok && e.Reason != page.FrameDetachedReasonSwap {
			t.dropLocked(t.frames[e.FrameID])
		}
	case cdproto.EventRuntimeExecutionContextCreated:
		t.contextLocked(v, m)
	case cdproto.EventRuntimeExecutionContextsCleared:
		for _, fr := range t.frames {
			if fr.view == v {
				fr.world, fr.main = 0, 0
			}
		}
	default:
		return false
	}
	return true
}

// contextLocked notes the world of a frame's own scripts, and ours.
func (t *tab) contextLocked(v *view, m *cdproto.Message) {
	e, ok := decode[runtime.EventExecutionContextCreated](m)
	if !ok || e.Context == nil {
		return
	}
	var of struct {
		Frame   cdp.FrameID `json:"frameId"`
		Default bool        `json:"isDefault"`
	}
	if unmarshal(e.Context.AuxData, &of) != nil || t.frames[of.Frame] == nil {
		return
	}
	switch fr := t.frames[of.Frame]; {
	case of.Default:
		fr.view, fr.main = v, e.Context.ID
	case e.Context.Name == world:
		// Made by watch.js: nobody needs to ask for one.
		fr.view, fr.world, fr.coming = v, e.Context.ID, false
	}
}

// dropLocked forgets a frame with all that is in it.
func (t *tab) dropLocked(fr *frame) {
	if fr == nil {
		return
	}
	for _, c := range fr.children {
		t.dropLocked(c)
	}
	fr.children, fr.gone = nil, true
	delete(t.frames, fr.id)
	if p := fr.parent; p != nil {
		for i, c := range p.children {
			if c == fr {
				p.children = append(p.children[:i:i], p.children[i+1:]...)
				break
			}
		}
	}
}

// journeys are the numbers of navigations of all frames.
func (t *tab) journeys() map[*frame]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[*frame]int, len(t.frames))
	for _, fr := range t.frames {
		all[fr] = fr.navigations
	}
	return all
}

// growLocked adds what a view's tree of frames held when it was asked for,
// after journeys. Frames that have gone elsewhere since are left alone.
func (t *tab) growLocked(v *view, tree *page.FrameTree, parent cdp.FrameID, before map[*frame]int) {
	if tree == nil || tree.Frame == nil {
		return
	}
	fr := t.frameAt(v, tree.Frame.ID, parent)
	fr.view = v
	if url := tree.Frame.URL + tree.Frame.URLFragment; url != fr.url && fr.navigations == before[fr] {
		// Its process was taken over, or it went there before we listened.
		fr.url = url
		fr.navigations++
	}
	for _, c := range tree.ChildFrames {
		t.growLocked(v, c, fr.id, before)
	}
}

// worldWait is how long our world is waited for before one is asked for.
const worldWait = 100 * time.Millisecond

// enter is our world in a frame. A new document's is on its way already, and
// there before an answer to us would be.
func (t *tab) enter(ctx context.Context, fr *frame) (session, runtime.ExecutionContextID, error) {
	wait, cancel := context.WithTimeout(ctx, worldWait)
	_ = t.await(wait, func() bool { return fr.world != 0 || !fr.coming || fr.gone })
	cancel()
	t.mu.Lock()
	fr.coming = false
	id, s, changed := fr.world, fr.view.session, t.changed
	t.mu.Unlock()
	if id != 0 {
		return s, id, nil
	}
	made, err := call(ctx, s, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: fr.id, WorldName: world})
	if err != nil {
		return s, 0, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == changed || fr.url != "" {
		fr.world = made.ExecutionContextID // one that is gone by now says so when it is used
	}
	return s, made.ExecutionContextID, nil
}

// forget makes the next enter of fr a new one.
func (t *tab) forget(fr *frame) {
	t.mu.Lock()
	fr.world = 0
	t.mu.Unlock()
}

// origin is where the top left corner of a frame is on its page: what is
// inside is seen from there, the mouse is moved on the page.
func (t *tab) origin(ctx context.Context, fr *frame) (x, y float64, err error) {
	for {
		t.mu.Lock()
		v := fr.view
		owner, inside := fr, v.session
		if fr == v.root {
			if fr.parent == nil {
				t.mu.Unlock()
				return x, y, nil
			}
			v = fr.parent.view
			inside = v.session
		}
		root := v.root
		t.mu.Unlock()
		node, err := call(ctx, inside, dom.GetFrameOwner, dom.GetFrameOwnerParams{FrameID: owner.id})
		if err != nil {
			return 0, 0, err
		}
		box, err := call(ctx, inside, dom.GetBoxModel, dom.GetBoxModelParams{BackendNodeID: node.BackendNodeID})
		if err != nil {
			return 0, 0, err
		}
		if box.Model != nil && len(box.Model.Content) >= 2 {
			// By the view's own root, however deep the frame is in it.
			x, y = x+box.Model.Content[0], y+box.Model.Content[1]
		}
		fr = root
	}
}
