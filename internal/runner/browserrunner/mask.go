package browserrunner

import (
	"context"
	"encoding/json"

	"github.com/chromedp/cdproto/runtime"
)

// mask hides, in the next picture of the page of v, marked fields where the
// page has undone that, and every field that holds one of the secrets, in all
// frames of the page. The answers are not waited for: the picture comes after
// them.
func (t *tab) mask(ctx context.Context, v *view, secrets []string) {
	if secrets == nil {
		secrets = []string{}
	}
	list, err := json.Marshal(secrets)
	if err != nil { // texts always encode
		panic(err)
	}
	t.mu.Lock()
	var there []*frame
	for _, fr := range t.frames {
		root := fr
		for root.parent != nil {
			root = root.parent
		}
		if root == v.root {
			there = append(there, fr)
		}
	}
	t.mu.Unlock()
	for _, fr := range there {
		s, id, err := t.enter(ctx, fr)
		if err != nil {
			continue // it is gone, and not in the picture
		}
		send(ctx, s, runtime.Evaluate, runtime.EvaluateParams{
			Expression: "globalThis.probefleetMask?.(" + string(list) + ")", ContextID: id, Silent: ptr(true),
		})
	}
}

// watchNow runs watch.js in the documents that v has by now: it was attached to
// while they went on.
func (t *tab) watchNow(ctx context.Context, v *view) {
	t.mu.Lock()
	var there []*frame
	for _, fr := range t.frames {
		if fr.view == v {
			there = append(there, fr)
		}
	}
	t.mu.Unlock()
	for _, fr := range there {
		s, id, err := t.enter(ctx, fr)
		if err != nil {
			continue // it is gone, or in yet another process
		}
		_, _ = call(ctx, s, runtime.Evaluate, runtime.EvaluateParams{Expression: watchJS, ContextID: id, Silent: ptr(true)})
	}
}
