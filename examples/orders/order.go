package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

const (
	payWithin = 30 * time.Minute       // an order that is not paid by then expires
	attempts  = 5                      // to charge, before the customer has to ask again
	firstWait = 500 * time.Millisecond // after the first attempt; twice as long after each further one
	quiet     = time.Minute            // an order that has ended leaves memory after that
)

// refusal is an answer, and no crash: a client has asked for what cannot be.
type refusal struct {
	text   string
	status int // in HTTP
}

func (r *refusal) Error() string { return r.text }

var (
	errUnknown  = &refusal{"no such order", http.StatusNotFound}
	errItem     = &refusal{"an item has a name and a price", http.StatusBadRequest}
	errEmpty    = &refusal{"the order has no items", http.StatusConflict}
	errClosed   = &refusal{"the order is closed", http.StatusConflict}
	errDeclined = &refusal{"the card was declined", http.StatusPaymentRequired}
)

// order is the actor that an order has while it is under way. What it must not forget is in
// the store before anybody is told of it, so it may crash at any time.
type order struct {
	*shop
	Order
	waiting []actor.Reply[Order] // those that want it paid
	failed  int                  // attempts to charge
}

// request is what an order is sent: one of these.
type (
	request any
	get     struct{ actor.Reply[Order] }
	add     struct {
		actor.Reply[Order]
		Item
	}
	pay     struct{ actor.Reply[Order] } // answered when the order is paid, or will not be for now
	charged struct {
		receipt string
		err     error
	}
	again struct{} // charge again
	due   struct{} // 30 minutes are over
)

// Init goes on where the order was, whatever has ended it.
func (o *order) Init(c *actor.Context[request]) (err error) {
	if o.Order, err = o.store.Load(o.Number); err != nil {
		return err // is told to those that ask for the order
	}
	c.SetTimer("due", time.Until(o.Due), due{})
	if o.Status == paying {
		o.charge(c)
	}
	o.settle(c)
	return nil
}

// Receive handles one request. An error that it returns is a crash.
func (o *order) Receive(c *actor.Context[request], m request) error {
	switch m := m.(type) {
	case get:
		m.Send(o.Order)
	case add:
		o.add(m)
	case pay:
		o.pay(c, m.Reply)
	case charged:
		o.charged(c, m)
	case again:
		o.charge(c)
	case due:
		o.settle(c)
	}
	return nil
}

// HandleIdle ends the actor of an order that has ended. The next request starts it again.
func (o *order) HandleIdle(*actor.Context[request]) error { return actor.Stop }

func (o *order) add(m add) {
	switch {
	case m.Name == "" || m.Cents <= 0:
		m.Fail(errItem)
	case o.Status != open:
		m.Fail(errClosed)
	default:
		o.Items = append(slices.Clip(o.Items), m.Item) // no array of which others have a part
		o.store.Save(o.Order)
		m.Send(o.Order)
	}
}

func (o *order) pay(c *actor.Context[request], r actor.Reply[Order]) {
	switch {
	case o.Status == paid:
		r.Send(o.Order)
	case o.Status == expired:
		r.Fail(errClosed)
	case len(o.Items) == 0:
		r.Fail(errEmpty)
	case o.Status == paying:
		o.waiting = append(o.waiting, r)
	default:
		o.waiting, o.failed, o.Status = append(o.waiting, r), 0, paying
		o.store.Save(o.Order)
		o.charge(c)
	}
}

// charge has a worker charge the customer. The order takes requests meanwhile.
func (o *order) charge(c *actor.Context[request]) {
	newBill := func(r actor.Reply[string]) bill { return bill{r, fmt.Sprint("order ", o.Number), o.total()} }
	pool.AskTo(c, o.payments, newBill, func(receipt string, err error) request {
		return charged{receipt, err}
	}).GiveUpAfter(2 * chargeLimit)
}

// charged hears what came of a charge. Whether the provider has failed, a worker has crashed
// or the queue was full: all are tried again, after a wait.
func (o *order) charged(c *actor.Context[request], m charged) {
	if m.err != nil {
		if o.failed++; o.failed < attempts && !errors.Is(m.err, errDeclined) {
			wait := firstWait << (o.failed - 1)
			c.SetTimer("again", wait-rand.N(wait/5), again{})
			return
		}
		o.Status = unpaid
	} else {
		o.Status, o.Receipt = paid, m.receipt
	}
	o.store.Save(o.Order)
	for _, r := range o.waiting {
		if m.err != nil {
			r.Fail(m.err)
		} else {
			r.Send(o.Order)
		}
	}
	o.waiting = nil
	o.settle(c)
}

// settle expires an order whose time is over, unless it is being paid.
func (o *order) settle(c *actor.Context[request]) {
	if (o.Status == open || o.Status == unpaid) && !time.Now().Before(o.Due) {
		o.Status = expired
		o.store.Save(o.Order)
	}
	if o.ended() {
		c.IdleAfter(quiet)
	}
}
