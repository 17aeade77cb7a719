package query

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// Peers are the observers of a cluster's nodes, whatever it is that connects them. Package
// transport/nats has an implementation, Observers. Questions and answers are opaque to it.
//
// Only questions of this package cross from node to node, which change nothing. Whatever may
// send one to a node sees what a person with the right to look sees there.
type Peers interface {
	// Self returns the name of this node, as the others see it.
	Self() string

	// Nodes returns the names of the nodes that answer now, with this one, in any order.
	Nodes(ctx context.Context) ([]string, error)

	// Ask has a node answer a question, of at most 8 KiB. It ends with ctx, and fails at
	// once if there is no such node.
	Ask(ctx context.Context, node string, question []byte) ([]byte, error)

	// Serve has answer called for what the other nodes ask, until stop is called. Answer may
	// be called from several goroutines; it does not panic, and returns at most 512 KiB.
	Serve(answer func(ctx context.Context, question []byte) []byte) (stop func(), err error)
}

const (
	maxQuestion = 8 << 10
	maxAnswer   = 512 << 10
	maxNodeName = 256 // bytes

	answerLimit  = 5 * time.Second // that a node takes for what another one asks
	maxAnswering = 16              // questions of other nodes at a time
	maxCrossing  = 64              // questions to other nodes at a time, those included that nobody waits for any more
)

// peerQuestion is what a node asks another one.
type peerQuestion struct {
	Name   string          `json:"question"`
	Params json.RawMessage `json:"params,omitempty"`
}

// peerAnswer is what the other one answers: one of the two.
type peerAnswer struct {
	Answer json.RawMessage `json:"answer,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Serve answers what the other nodes of the Config's Peers ask, until stop is called.
// Without Peers it does nothing.
func (s *Source) Serve() (stop func(), err error) {
	if s.cfg.Peers == nil {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	served, err := cross(ctx, s, func() (func(), error) { return s.cfg.Peers.Serve(s.answerPeer) })
	if err != nil {
		return nil, fmt.Errorf("observer: serve the other nodes: %w", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
		defer cancel()
		_, _ = cross(ctx, s, func() (struct{}, error) { // it goes on without
			served()
			return struct{}{}, nil
		})
	}, nil
}

// answerPeer answers another node. It trusts that one with nothing.
func (s *Source) answerPeer(ctx context.Context, question []byte) []byte {
	defer s.answering.Add(-1)
	if s.answering.Add(1) > maxAnswering {
		return failedAnswer(Errorf(Busy, "the node has been asked for too much at once"))
	}
	var q peerQuestion
	if err := json.Unmarshal(question, &q); err != nil || len(question) > maxQuestion {
		return failedAnswer(Errorf(Invalid, "the node cannot read the question"))
	}
	if q.Name == "cluster" { // or each question would become as many as there are nodes
		return failedAnswer(Errorf(Invalid, "of the cluster each node has its own view"))
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	answers := make(chan []byte, 1)
	err := actor.Guard(ctx, func() error {
		answer, err := s.Ask(ctx, q.Name, q.Params)
		if err != nil {
			return err
		}
		content, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		frame, err := json.Marshal(peerAnswer{Answer: content})
		answers <- frame
		return err
	})
	if err != nil {
		return failedAnswer(AsError(err))
	}
	frame := <-answers
	if len(frame) > maxAnswer {
		return failedAnswer(Errorf(Unavailable, "the answer has %d bytes, of at most %d from another node: ask for less", len(frame), maxAnswer))
	}
	return frame
}

func failedAnswer(e *Error) []byte {
	frame, err := json.Marshal(peerAnswer{Error: &Error{e.Reason, text.Line(e.Message)}})
	if err != nil {
		return nil // it has two strings
	}
	return frame
}

// NodeName returns the name of this node among its Peers; "local" if there are none.
func (s *Source) NodeName() string {
	name := ""
	if s.cfg.Peers != nil {
		name, _ = foreign.Value(context.Background(), &s.selves, func(context.Context) (string, error) {
			return s.cfg.Peers.Self(), nil
		})
	}
	if !isNodeName(name) {
		return "local"
	}
	return name
}

// AskNode has a node answer the question of the given name: this one if node is "" or
// [Source.NodeName], and otherwise one of its Peers. What the other one answers is JSON that
// nobody here has looked into. An error is an [*Error].
func (s *Source) AskNode(ctx context.Context, node, name string, params json.RawMessage) (any, error) {
	if node == "" || node == s.NodeName() {
		return s.Ask(ctx, name, params)
	}
	if _, ok := questions[name]; !ok || name == "cluster" {
		return nil, Errorf(Invalid, "there is no question %.40q for another node", name)
	}
	answer, err := s.askPeer(ctx, node, name, params)
	if err != nil {
		return nil, AsError(err)
	}
	return answer, nil
}

func (s *Source) askPeer(ctx context.Context, node, name string, params json.RawMessage) (json.RawMessage, error) {
	switch {
	case s.cfg.Peers == nil:
		return nil, Errorf(Unavailable, "there is no node %.40q: this one knows no others", node)
	case !isNodeName(node):
		return nil, Errorf(Invalid, "%.40q is not the name of a node", node)
	}
	question, err := json.Marshal(peerQuestion{name, params})
	if err != nil {
		return nil, Errorf(Invalid, "the request cannot be read: %v", err)
	}
	if len(question) > maxQuestion {
		return nil, Errorf(Invalid, "the question has %d bytes, of at most %d for another node: ask for less", len(question), maxQuestion)
	}
	frame, err := cross(ctx, s, func() ([]byte, error) { return s.cfg.Peers.Ask(ctx, node, question) })
	if err != nil {
		return nil, err
	}
	return readAnswer(node, frame)
}

func readAnswer(node string, frame []byte) (json.RawMessage, error) {
	var a peerAnswer
	if len(frame) > maxAnswer {
		return nil, Errorf(Unavailable, "node %.40q answers with %d bytes, of at most %d", node, len(frame), maxAnswer)
	}
	switch err := json.Unmarshal(frame, &a); {
	case err != nil, a.Error == nil && a.Answer == nil:
		return nil, Errorf(Unavailable, "node %.40q answers what cannot be read", node)
	case a.Error == nil:
		return a.Answer, nil
	}
	e := &Error{a.Error.Reason, text.Line(a.Error.Message)}
	switch e.Reason {
	case Gone, Busy, Invalid, Unavailable:
	default: // not for another node to say
		e.Reason = Unavailable
	}
	return nil, e
}

// cross calls f, which goes to the cluster and may not return, nor return by panic: no later
// than ctx it is left alone, and counts until it has returned.
func cross[T any](ctx context.Context, s *Source, f func() (T, error)) (answer T, err error) {
	select {
	case s.crossing <- struct{}{}:
	case <-ctx.Done():
		return answer, Errorf(Busy, "too many questions to other nodes are under way")
	}
	answers := make(chan T, 1)
	err = actor.Guard(ctx, func() error {
		defer func() { <-s.crossing }()
		v, err := f()
		if err == nil {
			answers <- v
		}
		return err
	})
	if err != nil {
		return answer, err
	}
	return <-answers, nil
}
