package main

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/nats"
	"github.com/troupe-go/troupe/transport/ws"
)

// shopChannel is a client in the shop.
type shopChannel struct{ cart actor.Ref[add] }

func (*shopChannel) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

var shopEvents = ws.Events[*shopChannel]{"buy": ws.On((*shopChannel).buy)}

type purchase struct {
	Item string `json:"item"`
}

func (s *shopChannel) buy(c *ws.Channel, p purchase) (ws.Reply, error) {
	left, err := actor.Call(c.Context(), s.cart, func(r actor.Reply[int]) add { return add{p.Item, r} })
	if err != nil {
		return ws.Error(ws.Reason("sold out")), nil
	}
	return ws.OK(map[string]int{"left": left}), nil
}

// cart takes things from the stock, wherever that is.
type cart struct{ stock *nats.Names[take] }

// add has a cart take an item. The answer is how many are left.
type add struct {
	item  string
	reply actor.Reply[int]
}

func (k *cart) Receive(c *actor.Context[add], a add) error {
	left, err := k.take(c, a.item)
	if err != nil {
		a.reply.Fail(err)
		return nil
	}
	a.reply.Send(left)
	return nil
}

func (k *cart) take(ctx context.Context, item string) (int, error) {
	stock, err := k.stock.Lookup(ctx, "stock")
	if err != nil {
		return 0, err
	}
	return taking.Call(ctx, stock, item)
}

// taking is how other nodes take something from the stock.
var taking = nats.Method[take, string, int]{
	Name: "take",
	Make: func(item string, r actor.Reply[int]) take { return take{item, r} },
}

type take struct {
	Item  string
	reply actor.Reply[int]
}

// stock is an actor that has all there is, and shelf one that it asks.
type (
	stock struct{ shelf actor.Ref[look] }
	shelf struct{ left int }
	look  struct{ reply actor.Reply[int] }
)

func (s *stock) Receive(c *actor.Context[take], t take) error {
	left, err := actor.Call(c, s.shelf, func(r actor.Reply[int]) look { return look{r} })
	if err != nil {
		return err
	}
	t.reply.Send(left)
	return nil
}

func (s *shelf) Receive(_ *actor.Context[look], l look) error {
	time.Sleep(5 * time.Millisecond)
	s.left--
	l.reply.Send(s.left)
	return nil
}
