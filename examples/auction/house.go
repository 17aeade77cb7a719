package main

import (
	"context"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Highest is the highest bid of an auction.
type Highest struct {
	Who    string `json:"who"`
	Amount int    `json:"amount"`
}

// House knows the highest bid of each auction. It is an actor as its clients see it,
// whichever incarnation of it runs.
type House struct{ ref supervisor.Ref[request] }

// newHouse returns the house as a child of a supervisor, and what its clients use.
func newHouse() (supervisor.Child, House) {
	child, ref := supervisor.ActorRef("house", func() *house { return &house{map[string]Highest{}} })
	return child, House{ref}
}

// Offer makes a bid, and returns the highest bid there is then.
func (h House) Offer(ctx context.Context, auction string, bid Highest) (Highest, error) {
	return supervisor.Call(ctx, h.ref, func(r actor.Reply[Highest]) request { return offer{auction, bid, r} })
}

// Highest returns the highest bid of an auction.
func (h House) Highest(ctx context.Context, auction string) (Highest, error) {
	return supervisor.Call(ctx, h.ref, func(r actor.Reply[Highest]) request { return ask{auction, r} })
}

// request is a message to the house. It acts on the house that it reaches.
type request interface{ serve(*house) }

type offer struct {
	auction string
	bid     Highest
	reply   actor.Reply[Highest]
}

func (o offer) serve(h *house) {
	if o.bid.Amount > h.highest[o.auction].Amount {
		h.highest[o.auction] = o.bid
	}
	o.reply.Send(h.highest[o.auction])
}

type ask struct {
	auction string
	reply   actor.Reply[Highest]
}

func (a ask) serve(h *house) { a.reply.Send(h.highest[a.auction]) }

// house is the actor.
type house struct{ highest map[string]Highest }

// Receive implements [actor.Behavior].
func (h *house) Receive(_ *actor.Context[request], r request) error {
	r.serve(h)
	return nil
}
