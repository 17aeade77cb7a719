package entity_test

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
)

// order is one order. It runs while somebody works on it, and for an hour more.
type order struct {
	number int
	items  []string
}

func newOrder(number int) *order { return &order{number: number} }

func (o *order) Init(c *actor.Context[addItem]) error {
	c.IdleAfter(time.Hour)
	return nil // here the order is read from the database
}

type addItem struct {
	item string
	has  actor.Reply[int]
}

func (o *order) Receive(_ *actor.Context[addItem], m addItem) error {
	o.items = append(o.items, m.item)
	m.has.Send(len(o.items))
	return nil
}

// HandleIdle ends an order that nobody works on. The next one that wants it starts it.
func (o *order) HandleIdle(*actor.Context[addItem]) error { return actor.Stop }

func ExampleCall() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	orders := entity.New(entity.Config{ID: "orders"}, newOrder)
	if _, err := orders.Start(sys); err != nil { // in a program, orders.Child() is in its tree
		fmt.Println(err)
		return
	}
	add := func(number int, item string) {
		n, err := entity.Call(ctx, orders, number, func(r actor.Reply[int]) addItem { return addItem{item, r} })
		fmt.Println("order", number, "has", n, err)
	}
	add(17, "tea")
	add(18, "milk")
	add(17, "sugar")
	fmt.Println(orders.Count(), "orders run")
	// Output:
	// order 17 has 1 <nil>
	// order 18 has 1 <nil>
	// order 17 has 2 <nil>
	// 2 orders run
}
