package main

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// House is the actor that knows who has bid most, in all auctions.
type House struct{ highest map[string]Highest }

// Highest is the highest bid of an auction.
type Highest struct {
	Who    string `json:"who"`
	Amount int    `json:"amount"`
}

// Offer is a message to the house. It answers with the highest bid there is then; an
// amount of 0 only asks.
type Offer struct {
	Topic, Who string
	Amount     int
	Reply      actor.Reply[Highest]
}

func newHouse() actor.Behavior[Offer] { return &House{map[string]Highest{}} }

// Receive implements [actor.Behavior].
func (h *House) Receive(_ *actor.Context[Offer], o Offer) error {
	if o.Amount > h.highest[o.Topic].Amount {
		h.highest[o.Topic] = Highest{o.Who, o.Amount}
	}
	o.Reply.Send(h.highest[o.Topic])
	return nil
}

func ask(ctx context.Context, house actor.Ref[Offer], o Offer) (Highest, error) {
	return actor.Call(ctx, house, func(r actor.Reply[Highest]) Offer {
		o.Reply = r
		return o
	})
}
