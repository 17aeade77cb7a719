package main

import (
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// Auction is one client in one auction. Its fields are that client's state there.
type Auction struct {
	house House
	bids  int
}

// Join lets everybody watch, and shows where the auction stands.
func (a *Auction) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	c.Continue(a.showHighest)
	return nil, nil
}

func (a *Auction) showHighest(c *ws.Channel) error {
	highest, err := a.house.Highest(c.Context(), c.Topic())
	if err != nil {
		return err
	}
	return c.Push("highest", highest)
}

var auctionEvents = ws.Events[*Auction]{
	"bid":    ws.On((*Auction).Bid),
	"remind": ws.On((*Auction).Remind),
}

// Bid is what a client sends with "bid".
type Bid struct {
	Amount  int    `json:"amount"`
	Message string `json:"message,omitempty"`
}

// Validate implements [ws.Validator].
func (b Bid) Validate() error {
	if b.Amount <= 0 {
		return ws.Invalid("amount", "must be positive")
	}
	return nil
}

// Bid makes an offer, and tells everybody if it is the highest.
func (a *Auction) Bid(c *ws.Channel, in Bid) (ws.Reply, error) {
	mine := Highest{ws.AssignsOf[User](c).Name, in.Amount}
	highest, err := a.house.Offer(c.Context(), c.Topic(), mine)
	switch {
	case err != nil:
		return ws.NoReply, err
	case highest != mine:
		return ws.Error(highest), nil
	}
	if err := c.Broadcast("highest", highest); err != nil {
		return ws.NoReply, err
	}
	a.bids++
	return ws.OK(map[string]int{"bids": a.bids}), nil
}

// Remind has the client reminded after some seconds.
func (a *Auction) Remind(c *ws.Channel, in struct {
	Seconds int `json:"seconds"`
}) (ws.Reply, error) {
	c.Ref().SendAfter(time.Duration(in.Seconds)*time.Second, reminder{})
	return ws.OK(nil), nil
}

type reminder struct{}

// HandleInfo gets what the rest of the program sends to the channel.
func (a *Auction) HandleInfo(c *ws.Channel, msg any) error {
	if _, ok := msg.(reminder); ok {
		return a.showHighest(c)
	}
	return nil
}

// Intercepts names the broadcasts that HandleOut sees.
func (a *Auction) Intercepts() []string { return []string{"highest"} }

// HandleOut hides from everybody but the bidder who has bid.
func (a *Auction) HandleOut(c *ws.Channel, event string, payload ws.Payload) error {
	highest, err := ws.Decode[Highest](payload)
	if err != nil {
		return err
	}
	if highest.Who != ws.AssignsOf[User](c).Name {
		highest.Who = "somebody"
	}
	return c.Push(event, highest)
}
