package observer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// CrashError is the reason of an actor that somebody has had crash on the page. It counts as
// any other crash.
type CrashError struct{ Who string }

// Error implements error.
func (e *CrashError) Error() string { return fmt.Sprintf("crashed by %s with the observer", e.Who) }

// acts is what can be done to an actor, by name, in the order in which a page offers it.
var acts = []struct {
	name string
	do   func(ctx context.Context, pid actor.PID, who string) error
}{
	{"exit", func(ctx context.Context, pid actor.PID, _ string) error { return stop(ctx, pid, actor.Shutdown) }},
	{"crash", func(ctx context.Context, pid actor.PID, who string) error {
		return stop(ctx, pid, &CrashError{who})
	}},
	{"kill", func(_ context.Context, pid actor.PID, _ string) error {
		pid.Exit(actor.Kill)
		return nil
	}},
	{"suspend", func(ctx context.Context, pid actor.PID, _ string) error { return pid.Suspend(ctx) }},
	{"resume", func(ctx context.Context, pid actor.PID, _ string) error { return pid.Resume(ctx) }},
	{"disconnect", func(ctx context.Context, pid actor.PID, _ string) error { return stop(ctx, pid, actor.Shutdown) }},
}

// actLimit is how long an act waits for its actor.
const actLimit = 2 * time.Second

// stop has the actor end as if its handler had returned reason.
func stop(ctx context.Context, pid actor.PID, reason error) error {
	err := pid.Stop(ctx, reason)
	switch {
	case err == nil || errors.Is(err, actor.NoProc):
		return err
	case pid.Ended():
		return nil // of something else
	}
	return query.Errorf(query.Busy, "it is busy, and ends when it has handled what came before")
}

// actRequest asks for something to be done to an actor.
type actRequest struct {
	PID string `json:"pid"`
	Act string `json:"act"`
}

// act does something to an actor, if Authorize says so now. Each attempt is logged.
func (p *page) act(ctx context.Context, in []byte) (any, error) {
	var q actRequest
	if err := json.Unmarshal(in, &q); err != nil {
		return nil, query.Errorf(query.Invalid, "the request cannot be read: %v", err)
	}
	grant, err := p.renewed(Act)
	if err == nil {
		err = p.onlyHere(in)
	}
	if err == nil {
		err = p.perform(ctx, q, grant)
	}
	p.logAct(ctx, q, grant, err)
	if err != nil {
		return nil, err
	}
	return struct{}{}, nil
}

// renewed asks Authorize again, for a right that a push needs now.
func (p *page) renewed(right Rights) (Grant, error) {
	before := p.session.grant()
	grant, err := p.session.confirm()
	switch {
	case err != nil:
		return before, query.Errorf(query.Forbidden, "the session is over")
	case grant.Rights < right:
		return grant, query.Errorf(query.Forbidden, "that takes the right to %v", right)
	}
	return grant, nil
}

func (p *page) perform(ctx context.Context, q actRequest, grant Grant) error {
	pid, ok := p.run.sys.Find(q.PID)
	if !ok {
		return query.Errorf(query.Gone, "there is no actor %.40q, or it has ended", q.PID)
	}
	ctx, cancel := context.WithTimeout(ctx, actLimit)
	defer cancel()
	for _, a := range acts {
		if a.name == q.Act {
			return a.do(ctx, pid, grant.Who)
		}
	}
	return query.Errorf(query.Invalid, "there is no act %.40q", q.Act)
}

// logAct logs what has been done, or refused. What is refused may come again and again,
// and has bounds.
func (p *page) logAct(ctx context.Context, q actRequest, by Grant, err error) {
	log, outcome := p.run.sys.Logger(), "done"
	if err != nil {
		outcome = string(query.AsError(err).Reason)
		log = p.run.log
	}
	attrs := []slog.Attr{
		slog.String("act", fmt.Sprintf("%.40s", q.Act)), slog.String("pid", fmt.Sprintf("%.40s", q.PID)),
		slog.String("who", by.Who), slog.String("remote", p.session.remote), slog.String("outcome", outcome),
	}
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	log.LogAttrs(context.WithoutCancel(ctx), slog.LevelWarn, "observer: act", attrs...)
}
