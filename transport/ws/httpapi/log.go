package httpapi

import (
	"context"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor/boundlog"
)

// log says who did what, and how it went. What was done is logged always, and what was
// refused within bounds: anybody can cause it.
func (h *Handler) log(ctx context.Context, c *call, p *problem, err error, took time.Duration) {
	log, level, outcome := h.done, slog.LevelInfo, "done"
	if p != nil {
		log, outcome = h.refused, p.code
		if p.status >= 500 {
			level = slog.LevelWarn
		}
	}
	attrs := []slog.Attr{
		slog.String("act", c.act), slog.String("who", boundlog.Text(c.grant.Who)), slog.String("target", boundlog.Text(c.target)),
		slog.String("event", boundlog.Text(c.event)), slog.Int("bytes", len(c.body)), slog.String("outcome", outcome),
		slog.String("remote", c.request.RemoteAddr), slog.Duration("took", took),
	}
	if p != nil && p.cause != nil {
		attrs = append(attrs, slog.Any("error", p.cause))
	}
	// A handler that does not return is not waited for, and there is nobody to tell.
	_ = h.logging.Call(context.WithoutCancel(ctx), func(ctx context.Context) error {
		log.LogAttrs(ctx, level, "http api", attrs...)
		return nil
	})
}
