package ws

import (
	"sync"
	"testing"
)

// A session forgoes a channel, or ends, in the very moment in which the channel obeys it. Then
// either it has the channel, and ends it, or the channel is still that of the session before, and
// lingers there.
func TestNoChannelObeysASessionThatHasForgoneIt(t *testing.T) {
	var former, next line
	for range 2000 {
		tether := newTether(nil, &former)
		b := &comeback{line: &next}
		var obeys, forgone bool
		var both sync.WaitGroup
		both.Go(func() { obeys = tether.obey(b, &former) })
		both.Go(func() { forgone = b.forgo() })
		both.Wait()
		switch owner := tether.owner.Load(); {
		case obeys == forgone:
			t.Fatalf("obeys: %t, forgone: %t", obeys, forgone)
		case obeys && owner != &next:
			t.Fatal("a session that cannot forgo a channel is not its owner")
		case !obeys && owner != &former:
			t.Fatal("a channel that does not obey has changed its owner")
		}
	}
}

// A channel that is about to end obeys no session, which then does without it.
func TestNoChannelObeysThatEnds(t *testing.T) {
	var former, next line
	tether := newTether(nil, &former)
	tether.owner.Store(nil) // as a session does that ends it
	b := &comeback{line: &next}
	if tether.obey(b, &former) || tether.owner.Load() != nil {
		t.Error("it does")
	}
	if !b.forgo() {
		t.Error("the session cannot forgo it")
	}
}

// A channel holds nothing of a connection that was lost when its client is back.
func TestAChannelForgetsTheConnectionBefore(t *testing.T) {
	e, s := new(Endpoint), &Socket{MaxLingering: 1, lodgers: &users{most: 1}}
	former, next := &line{endpoint: e, socket: s}, &line{endpoint: e, socket: s}
	tether := newTether(new(Channel), former)
	tether.token = 1
	if !tether.lose(former) || !tether.lingers() || tether.lost != former {
		t.Fatal("it does not linger")
	}
	b := &comeback{line: next, token: 1}
	if !tether.obey(b, former) {
		t.Fatal("its client cannot come back")
	}
	tether.comeBack(b)
	if tether.lost != nil || tether.lingers() || e.lingering.Load() != 0 {
		t.Errorf("it still has its former connection: %p, and %d linger", tether.lost, e.lingering.Load())
	}
}

// Only an answer that is an object has room for a token.
func TestAnAnswerWithRoomForAToken(t *testing.T) {
	for _, x := range []struct {
		answer Payload
		want   string // "": there is none
	}{
		{RawJSON([]byte(`{}`)), `{"resume_token":"t","resumed":true}`},
		{RawJSON([]byte(`{"a":{}} `)), `{"a":{},"resume_token":"t","resumed":true}`},
		{RawJSON([]byte(`null`)), ""},
		{RawJSON([]byte(`[{}]`)), ""},
		{Binary([]byte(`{}`)), ""},
	} {
		with, ok := withResume(x.answer, "t", true)
		if ok != (x.want != "") || ok && string(with.Bytes()) != x.want {
			t.Errorf("%q becomes %q, %t; want %q", x.answer.Bytes(), with.Bytes(), ok, x.want)
		}
	}
}

// A client has got what it has the ref of, and not what looks like a part of one.
func TestWhatAClientSaysItHasGot(t *testing.T) {
	tether := newTether(nil, new(line))
	other := newTether(nil, new(line))
	for said, want := range map[string]uint64{
		`"` + pushRef(tether.id, 5) + `"`: 5, `"` + pushRef(other.id, 5) + `"`: 0, `"5"`: 0, `5`: 0, `null`: 0,
	} {
		if got, counts := tether.got(RawJSON([]byte(`{"got":` + said + `}`))); got != want || !counts {
			t.Errorf("of one that says %s: %d, %t; want %d", said, got, counts, want)
		}
	}
}
