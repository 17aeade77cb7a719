package main

import (
	"sync"
	"time"
)

// Status says how far an order is.
type Status string

const (
	open    Status = "open"    // takes items
	paying  Status = "paying"  // is being charged; its items are final
	unpaid  Status = "unpaid"  // could not be charged, and may be tried again
	paid    Status = "paid"    // has ended
	expired Status = "expired" // has ended
)

// Item is a line of an order.
type Item struct {
	Name  string `json:"name"`
	Cents int    `json:"cents"`
}

// Order is what the store keeps of an order, and what its customer sees.
type Order struct {
	Number  int       `json:"number"`
	Status  Status    `json:"status"`
	Items   []Item    `json:"items,omitempty"`
	Due     time.Time `json:"due"`
	Receipt string    `json:"receipt,omitempty"`
}

func (o Order) ended() bool { return o.Status == paid || o.Status == expired }

func (o Order) total() (cents int) {
	for _, item := range o.Items {
		cents += item.Cents
	}
	return cents
}

// Store stands for a database. It does nothing by itself, so it is a map with a lock and no
// actor. A database can fail: then the handlers would return its errors, which ends an order,
// and the next incarnation goes on with what the database has.
type Store struct{ orders sync.Map }

func (s *Store) Save(o Order) { s.orders.Store(o.Number, o) }

func (s *Store) Load(number int) (Order, error) {
	if o, ok := s.orders.Load(number); ok {
		return o.(Order), nil
	}
	return Order{}, errUnknown
}

// UnderWay is the orders that have not ended.
func (s *Store) UnderWay(yield func(Order) bool) {
	s.orders.Range(func(_, o any) bool { return o.(Order).ended() || yield(o.(Order)) })
}
