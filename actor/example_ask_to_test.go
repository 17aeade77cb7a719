package actor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// bank is an actor that others ask for money.
type bank struct{ balance int }

type withdraw struct {
	amount int
	actor.Reply[int]
}

var errPoor = errors.New("insufficient funds")

func (b *bank) Receive(_ *actor.Context[withdraw], w withdraw) error {
	if w.amount > b.balance {
		w.Fail(errPoor) // a refusal, and no crash
		return nil
	}
	b.balance -= w.amount
	w.Send(b.balance)
	return nil
}

// shop takes orders, and goes on taking them while the bank has yet to answer.
type shop struct{ bank actor.Ref[withdraw] }

// shopMsg is an order, or, if it is paid, what the bank said of it.
type shopMsg struct {
	price int
	paid  bool
	left  int
	err   error
	done  chan<- string
}

func (s *shop) Receive(c *actor.Context[shopMsg], m shopMsg) error {
	switch {
	case !m.paid:
		newWithdraw := func(r actor.Reply[int]) withdraw { return withdraw{m.price, r} }
		actor.AskTo(c, s.bank, newWithdraw, func(left int, err error) shopMsg {
			return shopMsg{m.price, true, left, err, m.done}
		}).GiveUpAfter(5 * time.Second)
	case errors.Is(m.err, errPoor):
		m.done <- fmt.Sprintf("%d: refused", m.price)
	case m.err != nil:
		m.done <- fmt.Sprintf("%d: no answer: %v", m.price, m.err)
	default:
		m.done <- fmt.Sprintf("%d: paid, %d left", m.price, m.left)
	}
	return nil
}

func ExampleAskTo() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	b, err := actor.Spawn(sys, func() *bank { return &bank{balance: 100} })
	if err != nil {
		panic(err)
	}
	s, err := actor.Spawn(sys, func() *shop { return &shop{bank: b} })
	if err != nil {
		panic(err)
	}
	done := make(chan string)
	for _, price := range []int{70, 50, 30} {
		s.Send(shopMsg{price: price, done: done})
	}
	for range 3 {
		fmt.Println(<-done)
	}
	// Output:
	// 70: paid, 30 left
	// 50: refused
	// 30: paid, 0 left
}
