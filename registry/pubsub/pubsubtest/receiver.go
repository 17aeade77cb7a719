package pubsubtest

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Receiver is a [pubsub.Receiver] that calls a function with each message, for tests that
// join by an adapter themselves. It leaves out gaps and events.
type Receiver func(topic string, data []byte)

// Receive implements [pubsub.Receiver].
func (f Receiver) Receive(_, topic string, data []byte) { f(topic, data) }

// Missed implements [pubsub.Receiver].
func (Receiver) Missed(pubsub.Gap) {}

// Emit implements [pubsub.Receiver].
func (Receiver) Emit(actor.Event) {}
