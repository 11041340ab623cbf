package web

import (
	"context"
	"net/http"
	"slices"

	"github.com/probefleet/probefleet/internal/access"
)

// Viewer is who looks at a page, and what they may do.
type Viewer struct {
	// Name is shown, and stands in the log beside what they did.
	Name string
	// Role is shown; what they may do is in Scopes.
	Role   string
	Scopes []access.Scope
	// Actor is who does what they do; see [access.WithActor].
	Actor access.Actor
}

// May reports whether the viewer has a scope; nobody has one.
func (v *Viewer) May(s access.Scope) bool { return v != nil && slices.Contains(v.Scopes, s) }

// Door says who asks for a page.
type Door interface {
	// Viewer is who makes a request, nil where that is nobody. An error with a
	// GetStatus method is shown.
	Viewer(r *http.Request) (*Viewer, error)
	// Challenge answers the request of nobody for a page that is not open: with
	// the way in, or with a page that says where it is.
	Challenge(w http.ResponseWriter, r *http.Request) error
}

type viewerKey struct{}

func withViewer(ctx context.Context, v *Viewer) context.Context {
	if v != nil {
		ctx = access.WithActor(ctx, v.Actor)
	}
	return context.WithValue(ctx, viewerKey{}, v)
}

// ViewerOf is who makes the request of that context, nil where that is nobody.
func ViewerOf(ctx context.Context) *Viewer {
	v, _ := ctx.Value(viewerKey{}).(*Viewer)
	return v
}
