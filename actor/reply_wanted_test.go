package actor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// A reply is wanted from when the request was made until it is answered or the caller
// has given up, and not for a later call that the callee serves.
func TestReplyIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		kept := make(chan actor.Reply[int], 1)
		server := spawnFunc(t, sys, mute(kept))
		call := func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, _ = actor.Call(ctx, server, asking(1))
		}
		for name, end := range map[string]func(actor.Reply[int]){
			"answered": func(r actor.Reply[int]) { r.Send(1) },
			"failed":   func(r actor.Reply[int]) { r.Fail(actor.NoProc) },
			"given up": func(actor.Reply[int]) { time.Sleep(time.Second) },
		} {
			go call(t.Context())
			r := <-kept
			if !r.Wanted() {
				t.Errorf("%s: it is not wanted at first", name)
			}
			end(r)
			synctest.Wait()
			if r.Wanted() {
				t.Errorf("%s: it is wanted still", name)
			}
			go call(t.Context())
			next := <-kept
			if r.Wanted() || !next.Wanted() {
				t.Errorf("%s: at the next call, wanted: %v, of that %v", name, r.Wanted(), next.Wanted())
			}
			next.Send(1)
			synctest.Wait()
		}
		go call(t.Context())
		r := <-kept
		server.PID().Exit(actor.Kill)
		synctest.Wait()
		if r.Wanted() || (actor.Reply[int]{}).Wanted() {
			t.Error("a reply is wanted for which nobody waits")
		}
	})
}

// A Reply to an Ask is wanted as long as the request stands.
func TestReplyToAnAskIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		kept := make(chan actor.Reply[int], 1)
		server := spawnFunc(t, sys, mute(kept))
		ctx, cancel := context.WithCancel(t.Context())
		actor.Ask(ctx, server, asking(1))
		r := <-kept
		if !r.Wanted() {
			t.Error("it is not wanted")
		}
		cancel()
		synctest.Wait()
		if r.Wanted() {
			t.Error("it is wanted although the request was given up")
		}
	})
}
