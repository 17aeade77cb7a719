package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// chargeLimit is for how long a worker waits for the provider.
const chargeLimit = 5 * time.Second

// Provider charges customers. After any error but errDeclined nobody knows whether it has:
// so each charge has a key, and two charges with one key are one.
type Provider interface {
	Charge(ctx context.Context, key string, cents int) (receipt string, err error)
}

// bill is the job of a teller.
type bill struct {
	actor.Reply[string]
	key   string
	cents int
}

// teller is a worker. It waits for the provider, so that no order has to.
type teller struct{ Provider }

func (t teller) Receive(c *actor.Context[bill], m bill) error {
	ctx, cancel := context.WithTimeout(c, chargeLimit)
	defer cancel()
	receipt, err := t.Charge(ctx, m.key, m.cents)
	if err != nil {
		m.Fail(err) // the order knows what to do; the teller itself is well
		return nil
	}
	m.Send(receipt)
	return nil
}

// flaky is a provider to try the program with. One charge in three fails.
type flaky struct{}

func (flaky) Charge(_ context.Context, key string, cents int) (string, error) {
	switch {
	case cents > 100_00:
		return "", errDeclined
	case rand.N(3) == 0:
		return "", errors.New("connection reset")
	}
	return fmt.Sprintf("%s: %d cents", key, cents), nil
}
