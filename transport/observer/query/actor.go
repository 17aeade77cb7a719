package query

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// ActorRequest asks for all that is known of one actor.
type ActorRequest struct {
	PID string `json:"pid"`
}

// Actor is the answer to an [ActorRequest].
type Actor struct {
	Node
	Path       []Link `json:"parents"` // from the root's child down to the actor's parent
	Handled    uint64 `json:"handled"`
	TrapsExits bool   `json:"trapsExits"`
	Connection bool   `json:"connection,omitempty"` // it is that of a client with one of the Endpoints

	// As in a [TopRow]. They are 0 until Measured.
	Oldest   int64   `json:"oldest"`
	Rate     float64 `json:"rate"`
	Busy     float64 `json:"busy"`
	Measured bool    `json:"measured"`

	Links       Links `json:"links"`
	Monitors    Links `json:"monitors"`
	MonitoredBy Links `json:"monitoredBy"`

	History []Restart `json:"restartHistory,omitempty"` // oldest first

	State    string  `json:"state,omitempty"`    // by its LogValue
	NoState  string  `json:"noState,omitempty"`  // why there is none
	Stack    string  `json:"stack,omitempty"`    // of the handler that runs
	NoStack  string  `json:"noStack,omitempty"`  // why there is none
	Preceded []Event `json:"preceded,omitempty"` // what has happened to it and around it lately
}

// Links are some of the actors that one has to do with.
type Links struct {
	List []Link `json:"list"`
	More int    `json:"more,omitempty"` // so many besides those
}

const maxLinks = 100

// Actor answers an [ActorRequest]. An actor that is busy shows no state: it is waited for as
// long as a person would hardly notice. It is measured for a while, as by [Source.Top].
func (s *Source) Actor(ctx context.Context, q ActorRequest) (*Actor, error) {
	pid, err := s.find(q.PID)
	if err != nil {
		return nil, err
	}
	_, state, err := s.measuring.ask(s.sys)
	if err != nil {
		return nil, err
	}
	info, ok := pid.Info()
	if !ok {
		return nil, Errorf(Gone, "%v has ended, or is about to", pid)
	}
	a := &Actor{Node: *s.Node(ctx, pid), Handled: info.Handled, TrapsExits: info.TrapsExits}
	a.Oldest, a.Rate, a.Busy, a.Measured = info.Oldest.Milliseconds(), info.Rate, info.Busy, state.measured
	a.Path, a.Connection = s.path(ctx, pid), s.isConnection(pid)
	a.Links, a.Monitors, a.MonitoredBy = s.links(ctx, info.Links), s.links(ctx, info.Monitors), s.links(ctx, info.MonitoredBy)
	s.Strategies(ctx, &a.Node)
	a.History = s.restarts(ctx, pid)
	a.State, a.NoState = s.state(ctx, pid)
	if info.Status == actor.Running {
		a.Stack, a.NoStack = stackOf(pid)
	}
	if h := s.cfg.History; h != nil {
		a.Preceded = h.preceded(serial(pid), serial(pid.Parent()))
	}
	err = s.walk(ctx, func(p actor.PID) {
		if p.Parent() == pid {
			a.Count++
		}
	})
	return a, err
}

func (s *Source) links(ctx context.Context, pids []actor.PID) Links {
	l := Links{List: []Link{}}
	for _, pid := range pids[:min(len(pids), maxLinks)] {
		l.List = append(l.List, s.link(ctx, pid))
	}
	l.More = len(pids) - len(l.List)
	return l
}

const (
	turnLimit = 300 * time.Millisecond // the wait for an actor's turn and its state

	// stateLimit is how long an actor is held up at most. It is as long as for all that
	// must not block: a LogValue that is only slow must not go on beside the actor, which
	// writes to what that reads.
	stateLimit = 5 * time.Second

	maxStates = 8 // that are being made for another to be asked for
)

// state returns what the actor's LogValue says, or why it says nothing. The actor makes
// it between two handlers. If it takes too long the actor goes on without it, and no other
// state is asked for until it has returned.
func (s *Source) state(ctx context.Context, pid actor.PID) (state, why string) {
	if s.states.Load() >= maxStates {
		return "", "the LogValues of other actors do not return"
	}
	ctx, cancel := context.WithTimeout(ctx, turnLimit)
	defer cancel()
	type answer struct{ state, why string }
	answers := make(chan answer, 1)
	err := pid.Inspect(ctx, func(behavior any) {
		v, ok := behavior.(slog.LogValuer)
		if !ok {
			answers <- answer{why: "its behavior is no slog.LogValuer"}
			return
		}
		state, err := s.logValue(v)
		if err != nil {
			answers <- answer{why: fmt.Sprintf("its LogValue fails: %v", err)}
			return
		}
		answers <- answer{state: state}
	})
	select {
	case a := <-answers:
		return a.state, a.why
	default:
	}
	if errors.Is(err, actor.NoProc) {
		return "", "it has ended"
	}
	return "", "it is busy"
}

// logValue makes text of what the actor's LogValue says, in the actor's turn.
func (s *Source) logValue(v slog.LogValuer) (string, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), stateLimit, errors.New("it does not return"))
	defer cancel()
	state := make(chan string, 1)
	s.states.Add(1)
	err := actor.Guard(ctx, func() error {
		defer s.states.Add(-1)
		state <- text.State(v)
		return nil
	})
	if err != nil {
		return "", err
	}
	return text.Cut(<-state, text.MaxLong), nil
}

// stackOf returns the stack of the handler that runs, or why that cannot be had.
func stackOf(pid actor.PID) (stack, why string) {
	stack, err := pid.Stack()
	if err != nil {
		return "", text.Line(err.Error())
	}
	return text.Cut(stack, text.MaxLong), ""
}
