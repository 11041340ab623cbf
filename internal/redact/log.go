package redact

import (
	"context"
	"fmt"
	"log/slog"
)

// Handler hides r's values in whatever is logged: messages, values and groups.
func Handler(next slog.Handler, r *Redactor) slog.Handler { return handler{next, r} }

type handler struct {
	next slog.Handler
	r    *Redactor
}

func (h handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h handler) Handle(ctx context.Context, rec slog.Record) error {
	made := slog.NewRecord(rec.Time, rec.Level, h.r.Hide(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		made.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, made)
}

func (h handler) WithAttrs(as []slog.Attr) slog.Handler {
	made := make([]slog.Attr, len(as))
	for i, a := range as {
		made[i] = h.attr(a)
	}
	return handler{h.next.WithAttrs(made), h.r}
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name), h.r} }

func (h handler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(h.r.Hide(v.String()))
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(v.Group()))
		for _, g := range v.Group() {
			group = append(group, h.attr(g))
		}
		v = slog.GroupValue(group...)
	case slog.KindAny:
		if text := fmt.Sprintf("%+v", v.Any()); h.r.Hide(text) != text {
			v = slog.StringValue(h.r.Hide(text))
		}
	}
	return slog.Attr{Key: h.r.Hide(a.Key), Value: v}
}
