package nats

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// What is no request of a node has no effect but a count: it is not carried out, and nothing
// is published to where its sender has no right to an answer.
func TestForgedRequestsHaveNoEffect(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 10)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	trap, err := a.conn.SubscribeSync("victim.>")
	if err != nil {
		t.Fatal(err)
	}
	to := func(from string) string { return subjects + "." + subjectToken("b") + ".do." + from }
	own := a.inbox + "forged"
	good := request{kind: toCall, name: "x", method: "m"}.encode()
	for name, m := range map[string]*nats.Msg{
		"reply elsewhere":      {Subject: to(subjectToken("a")), Reply: "victim.1", Data: good},
		"reply of another one": {Subject: to(subjectToken("c")), Reply: own, Data: good},
		"no name of a node":    {Subject: to("xyz"), Reply: own, Data: good},
		"no reply":             {Subject: to(subjectToken("a")), Data: good},
		"nothing":              {Subject: to(subjectToken("a")), Reply: own},
		"half":                 {Subject: to(subjectToken("a")), Reply: own, Data: good[:3]},
		"unknown kind":         {Subject: to(subjectToken("a")), Reply: own, Data: []byte{callVersion, 9, 0, 0, 0, 0}},
		"unknown version":      {Subject: to(subjectToken("a")), Reply: own, Data: append([]byte{callVersion + 1}, good[1:]...)},
	} {
		before := b.counts.malformed.Load()
		if err := a.conn.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		until(t, a, func() bool { return b.counts.malformed.Load() > before })
		if len(got) > 0 {
			t.Errorf("%s: carried out", name)
		}
	}
	for _, kind := range []requestKind{toGiveUp, toProbe} { // of a call that is not there
		if err := a.conn.PublishMsg(&nats.Msg{Subject: to(subjectToken("a")), Reply: own, Data: request{kind: kind}.encode()}); err != nil {
			t.Fatal(err)
		}
	}
	answer := a.asking(t.Context(), "b")
	q := await(t, got)
	again := &nats.Msg{Subject: to(subjectToken("a")), Reply: q.reply, Data: good} // the same once more
	if err := a.conn.PublishMsg(again); err != nil {
		t.Fatal(err)
	}
	until(t, a, func() bool { return b.counts.refused.Load() > 0 })
	if r := await(t, answer); r.err == nil || len(got) > 0 { // what is sent in its name fails its call
		t.Errorf("got %v, and %d more requests", r, len(got))
	}
	q.echo()
	if n, _, _ := trap.Pending(); n != 0 {
		t.Errorf("%d answers have gone elsewhere", n)
	}
}

// What is no reply is an error of the call, or nothing.
func TestForgedRepliesAreErrors(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 1)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	for _, test := range []struct {
		data []byte
		want error
	}{
		{[]byte{1}, errFrame},
		{[]byte{callVersion, 0}, errFrame},
		{[]byte{callVersion, byte(gaveValue), 200}, errFrame},
		{[]byte{callVersion + 1, byte(gaveValue), 0, 0, 0}, ErrVersion},
		{reply{outcome: isUnknown}.encode(), ErrNoConnection},
	} {
		answer := a.asking(t.Context(), "b")
		q := await(t, got)
		if err := b.conn.Publish(q.reply, test.data); err != nil {
			t.Fatal(err)
		}
		expectErr(t, answer, test.want)
		q.drop()
	}
	for range 10 { // nobody waits for these
		if err := b.conn.Publish(a.inbox+"0", reply{outcome: gaveValue}.encode()); err != nil {
			t.Fatal(err)
		}
	}
	answer := a.asking(t.Context(), "b")
	q := await(t, got)
	for range 100 { // which change nothing
		if err := b.conn.Publish(q.reply, reply{outcome: isOpen}.encode()); err != nil {
			t.Fatal(err)
		}
	}
	q.echo()
	if r := await(t, answer); r.err != nil || r.value != "hello" {
		t.Errorf("got %v", r)
	}
}

// A node that is asked too much says so at once, and nobody waits for room. What it has in
// hand is bounded in number and bytes.
func TestNodeThatIsAskedTooMuchRefuses(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, maxShard+10)
	quiet := pace{longTerm, longTerm} // a thousand calls would ask for themselves all the time
	a := deskAt(t, s, subjects, "a", quiet, nil)
	began, release := make(chan struct{}, 1), make(chan struct{})
	b := deskAt(t, s, subjects, "b", quiet, func(q *served) {
		began <- struct{}{}
		<-release
		got <- q
	})
	const n = maxShard + 10 // one in hand, and a part that is full
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	outcomes := make(chan error, n)
	for i := range n {
		if i == 1 {
			await(t, began) // so that it is not in the part any more
		}
		go func() {
			r, err := a.request(ctx, "b", request{kind: toCall, name: "x"})
			if err == nil && r.outcome != gaveValue {
				err = r.err(nil)
			}
			outcomes <- err
		}()
	}
	refused := 0
	for range n - maxShard - 1 {
		if err := await(t, outcomes); errors.Is(err, pubsub.ErrOverloaded) {
			refused++
		} else {
			t.Errorf("got %v", err)
		}
	}
	if open := b.taken(); open != maxShard+1 || refused != 9 {
		t.Errorf("%d are open and %d refused, want %d and 9", open, refused, maxShard+1)
	}
	cancel() // all are given up, and so are late when their turn comes
	until(t, a, b.allGivenUp)
	close(release)
	await(t, got).drop()
	until(t, a, func() bool { return b.taken() == 0 })
	if late := b.counts.late.Load(); late != maxShard {
		t.Errorf("%d were late, want %d", late, maxShard)
	}
}

func (s *serving) allGivenUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.table {
		if q.ctx.Err() == nil {
			return false
		}
	}
	return true
}

// A node takes whatever comes, and goes on.
func TestNodeGoesOnBehindAFloodOfGarbage(t *testing.T) {
	s, subjects, got := startServer(t), prefix(), make(chan *served, 1)
	a := desk(t, s, subjects, "a", longTerm, nil)
	b := desk(t, s, subjects, "b", longTerm, answerer(got))
	for i := range 1000 {
		data := bytes.Repeat([]byte{byte(i)}, i)
		if err := a.conn.PublishMsg(&nats.Msg{Subject: subjects + "." + subjectToken("b") + ".do." + subjectToken("a"), Data: data}); err != nil {
			t.Fatal(err)
		}
		if err := a.conn.Publish(a.inbox+strings.Repeat("x", 1+i%50), data); err != nil {
			t.Fatal(err)
		}
	}
	answer := a.asking(t.Context(), "b")
	await(t, got).echo()
	if r := await(t, answer); r.value != "hello" || r.err != nil {
		t.Errorf("got %v", r)
	}
	if b.counts.malformed.Load() == 0 {
		t.Error("nothing was malformed")
	}
}
