package browserrunner

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
)

// treePoll is how often the accessibility tree is asked: its changes are not
// told.
const treePoll = 100 * time.Millisecond

// byTree is what aria/… and role/… mean: what the browser computes of names
// and roles is asked, not computed again.
type byTree struct {
	role, name string
	// part says that the name only has to contain name, whatever the case.
	part bool
}

var (
	ariaForm = regexp.MustCompile(`^(.*?)\[role="([^"]*)"\]$`)
	roleForm = regexp.MustCompile(`^([A-Za-z]+)(?:\[name="(.*)"\])?$`)
)

func usesTree(paths []pathWant) bool {
	return slices.ContainsFunc(paths, func(p pathWant) bool {
		return slices.ContainsFunc(p.Parts, selectorPart.inTree)
	})
}

func (p selectorPart) inTree() bool { return p.Kind == "aria" || p.Kind == "role" }

// byTree reads a selector of the tree; ok is false where it is not valid.
func (p selectorPart) byTree(exact bool) (q byTree, ok bool) {
	if p.Kind == "aria" {
		if m := ariaForm.FindStringSubmatch(p.Text); m != nil {
			return byTree{role: m[2], name: m[1]}, true
		}
		return byTree{name: p.Text}, p.Text != ""
	}
	m := roleForm.FindStringSubmatch(p.Text)
	if m == nil {
		return q, false
	}
	return byTree{role: m[1], name: m[2], part: !exact}, true
}

// locateInTree is locate for selectors of the accessibility tree.
func (t *tab) locateInTree(ctx context.Context, in spot, w want, patience time.Time) (found, error) {
	for {
		fr, err := in(ctx)
		if err != nil {
			return found{}, err
		}
		f, err := t.lookInTree(ctx, fr, w)
		over := !time.Now().Before(patience)
		switch {
		case replaced(err):
			t.forget(fr)
		case err != nil:
			return f, err
		case f.OK || over || f.Final:
			return f, nil
		}
		if err := t.pause(ctx, min(treePoll, max(time.Millisecond, time.Until(patience)))); err != nil {
			return found{}, err
		}
	}
}

// lookInTree asks once.
func (t *tab) lookInTree(ctx context.Context, fr *frame, w want) (found, error) {
	rest, given, invalid, err := t.resolve(ctx, fr, w)
	if err != nil {
		return found{}, err
	}
	if invalid != "" {
		return found{Reason: "invalid", Final: true, Actual: invalid}, nil
	}
	w.Paths, w.Timeout = rest, 0
	return t.ask(ctx, fr, w, given)
}

// resolve follows w.Paths as far as their last part in the tree; what is left
// is for the script, beginning with the elements given.
func (t *tab) resolve(ctx context.Context, fr *frame, w want) (rest []pathWant, given []runtime.RemoteObjectID, invalid string, err error) {
	for _, p := range w.Paths {
		last := -1
		for i, part := range p.Parts {
			if part.inTree() {
				last = i
			}
		}
		if last < 0 {
			rest = append(rest, p)
			continue
		}
		var from []runtime.RemoteObjectID
		begun := false
		for i, part := range p.Parts[:last+1] {
			if !part.inTree() {
				continue
			}
			q, ok := part.byTree(w.Exact)
			if !ok {
				return nil, nil, `write aria/Name, aria/Name[role="button"] or role/button[name="Name"]`, nil
			}
			before := pathWant{Given: -1, Parts: p.Parts[:i]}
			if begun {
				before = pathWant{Given: len(from), Parts: p.Parts[:i][lastTree(p.Parts[:i])+1:]}
			}
			if from, err = t.query(ctx, fr, w, before, from, q); err != nil {
				return nil, nil, "", err
			}
			begun = true
		}
		rest = append(rest, pathWant{Given: len(from), Parts: p.Parts[last+1:]})
		given = append(given, from...)
	}
	return rest, given, "", nil
}

func lastTree(parts []selectorPart) int {
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i].inTree() {
			return i
		}
	}
	return -1
}

// query finds q below what before leads to: the document where it leads
// nowhere in particular.
func (t *tab) query(ctx context.Context, fr *frame, w want, before pathWant, given []runtime.RemoteObjectID, q byTree) ([]runtime.RemoteObjectID, error) {
	s, id, err := t.enter(ctx, fr)
	if err != nil {
		return nil, err
	}
	roots := given
	switch {
	case len(before.Parts) > 0:
		w.Paths = []pathWant{before}
		if roots, err = t.elements(ctx, fr, w, given); err != nil {
			return nil, err
		}
	case before.Given < 0:
		doc, err := call(ctx, s, runtime.Evaluate, runtime.EvaluateParams{Expression: "document", ContextID: id})
		if err != nil {
			return nil, err
		}
		roots = []runtime.RemoteObjectID{doc.Result.ObjectID}
	}
	var elements []runtime.RemoteObjectID
	had := map[cdp.BackendNodeID]bool{} // one may be below several
	for _, root := range roots {
		params := accessibility.QueryAXTreeParams{ObjectID: root, Role: q.role}
		if !q.part {
			params.AccessibleName = q.name
		}
		tree, err := call(ctx, s, accessibility.QueryAXTree, params)
		if err != nil {
			return nil, err
		}
		var nodes []*pending[dom.ResolveNodeResult]
		for _, n := range tree.Nodes {
			if isElement(n) && !had[n.BackendDOMNodeID] && (!q.part || containsFold(axText(n.Name), q.name)) {
				had[n.BackendDOMNodeID] = true
				nodes = append(nodes, send(ctx, s, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: n.BackendDOMNodeID, ExecutionContextID: id}))
			}
		}
		for _, p := range nodes {
			if node, err := p.wait(ctx); err == nil && node.Object != nil {
				elements = append(elements, node.Object.ObjectID)
			}
		}
	}
	return elements, nil
}

// maxRoots is the number of elements below which a part of a path is looked
// for in the tree.
const maxRoots = 50

// elements are the elements that w.Paths lead to, as many as are looked below.
func (t *tab) elements(ctx context.Context, fr *frame, w want, given []runtime.RemoteObjectID) ([]runtime.RemoteObjectID, error) {
	w.Op, w.Handle = opAll, true
	list, err := t.inFrame(ctx, fr, w, given)
	if err != nil || list.Subtype != runtime.RemoteObjectSubtypeArray {
		return nil, err
	}
	t.mu.Lock()
	s := fr.view.session
	t.mu.Unlock()
	has, err := call(ctx, s, runtime.GetProperties, runtime.GetPropertiesParams{ObjectID: list.ObjectID, OwnProperties: ptr(true)})
	if err != nil {
		return nil, err
	}
	var elements []runtime.RemoteObjectID
	for _, p := range has.Result {
		if p.Value != nil && p.Value.Subtype == runtime.RemoteObjectSubtypeNode && len(elements) < maxRoots {
			elements = append(elements, p.Value.ObjectID)
		}
	}
	return elements, nil
}

// isElement leaves out what is ignored, and what is only text.
func isElement(n *accessibility.Node) bool {
	role := axText(n.Role)
	return !n.Ignored && n.BackendDOMNodeID != 0 && role != "StaticText" && role != "InlineTextBox"
}

// axText is a value of the tree, where that is a text.
func axText(v *accessibility.Value) string {
	var s string
	if v == nil || unmarshal(v.Value, &s) != nil {
		return ""
	}
	return s
}

func containsFold(text, part string) bool {
	plain := func(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }
	return strings.Contains(plain(text), plain(part))
}

// snapshot lists what the accessibility tree below an element, or the whole
// page where root is "", has to say: a line for each node with a name, and
// for those whose role says enough.
func (t *tab) snapshot(ctx context.Context, fr *frame, root runtime.RemoteObjectID) ([]string, error) {
	s, id, err := t.enter(ctx, fr)
	if err != nil {
		return nil, err
	}
	if root == "" {
		doc, err := call(ctx, s, runtime.Evaluate, runtime.EvaluateParams{Expression: "document", ContextID: id})
		if err != nil {
			return nil, err
		}
		root = doc.Result.ObjectID
	}
	tree, err := call(ctx, s, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root})
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, n := range tree.Nodes {
		role, name := axText(n.Role), strings.Join(strings.Fields(axText(n.Name)), " ")
		switch {
		case n.Ignored, role == "InlineTextBox", role == "none", role == "generic", role == "RootWebArea":
		case role == "StaticText":
			lines = append(lines, fmt.Sprintf("text %q", name))
		case name == "":
			lines = append(lines, role)
		default:
			lines = append(lines, fmt.Sprintf("%s %q", role, name))
		}
	}
	return lines, nil
}
