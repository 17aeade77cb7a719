package entity_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// cart is an entity: what a customer of a shop is going to buy, under the name.
type cart struct {
	owner string
	items []string
}

// cartMsg is what a cart can be told.
type cartMsg func(*cart) error

func newCart(owner string) *cart { return &cart{owner: owner} }

func (c *cart) Receive(_ *actor.Context[cartMsg], m cartMsg) error { return m(c) }

// add puts an item into the cart.
func add(item string) cartMsg {
	return func(c *cart) error {
		c.items = append(c.items, item)
		return nil
	}
}

// list asks for the items.
func list(r actor.Reply[[]string]) cartMsg {
	return func(c *cart) error {
		r.Send(c.items)
		return nil
	}
}

// Carts are started by the first that wants them. One that crashes is restarted, and the
// next call waits for that.
func Example() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(ctx)

	carts := entity.New(entity.Config{ID: "carts"}, newCart)
	_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{carts.Child()}})
	if err != nil {
		fmt.Println(err)
		return
	}

	ann, err := carts.Find(ctx, "ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	ann.Send(add("tea"))
	fmt.Println(entity.Call(ctx, carts, "ann", list))
	fmt.Println(entity.Call(ctx, carts, "bob", list)) // another one

	incarnation := ann.PID()
	ann.Send(func(*cart) error { return errors.New("out of ink") })
	<-incarnation.Done()
	fmt.Println(entity.Call(ctx, carts, "ann", list))
	fmt.Println(ann.PID() != incarnation, carts.Count())
	// Output:
	// [tea] <nil>
	// [] <nil>
	// [] <nil>
	// true 2
}

// An entity that somebody holds stays; when the last holder has gone it ends.
func ExampleSet_Hold() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	carts := entity.New(entity.Config{ID: "carts"}, newCart)
	if _, err := carts.Start(sys); err != nil {
		fmt.Println(err)
		return
	}
	clerk, err := actor.Spawn(sys, actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		fmt.Println(err)
		return
	}
	// A clerk that is an actor of its own would call this in its Init, with its Context as
	// the ctx, and keep the Ref.
	ann, _, err := carts.Hold(ctx, clerk.PID(), "ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	ann.Send(add("tea"))
	fmt.Println(entity.Call(ctx, carts, "ann", list))

	ended := ann.PID().Done()
	clerk.PID().Stop(ctx, nil)
	<-ended
	fmt.Println(entity.Call(ctx, carts, "ann", list)) // the next one
	// Output:
	// [tea] <nil>
	// [] <nil>
}

// The key is part of what people see.
func ExampleSet_Find_error() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	users := entity.New(entity.Config{ID: "users"}, func(name string) *user { return &user{name} })
	_, err := users.Find(ctx, "bob")
	fmt.Println(err)

	if _, err := users.Start(sys); err != nil {
		fmt.Println(err)
		return
	}
	_, err = users.Find(ctx, "bob")
	fmt.Println(err)
	// Output:
	// entity: find users "bob": the set is not running
	// entity: find users "bob": there is no such user
}

// user is an entity that there is only of those that are known.
type user struct{ name string }

func (u *user) Init(*actor.Context[string]) error {
	if u.name != "ann" {
		return errors.New("there is no such user")
	}
	return nil
}

func (*user) Receive(*actor.Context[string], string) error { return nil }
