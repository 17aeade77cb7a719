package nats

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// lose counts messages of other nodes that are lost, and has report tell of them. It does not
// wait: only the goroutine that sorts writes to overflow, so there is room when the former
// value has been taken out.
func (m *membership) lose(messages uint64) {
	m.dropped += messages
	m.lost.Add(messages)
	select {
	case <-m.overflow:
	default:
	}
	m.overflow <- m.dropped
}

// reportEvery is how often it is told that messages are lost.
const reportEvery = 10 * time.Second

// report tells of what is lost, at once and then from time to time. It has a goroutine of its
// own: a log may not return.
func (m *membership) report() {
	told := uint64(0)
	for {
		select {
		case <-m.life.Done():
			return
		case dropped := <-m.overflow:
			m.log.Warn("messages of other nodes are lost", "node", m.node, "lost", dropped)
			m.emit(pubsub.MessagesLost{Node: m.node, Messages: dropped - told, Total: dropped})
			m.tellLoss(dropped - told)
			told = dropped
		}
		select {
		case <-m.life.Done():
			return
		case <-time.After(reportEvery): // overflow has the number as it is then
		}
	}
}

// lostFor is how long the function Lost may take.
const lostFor = 5 * time.Second

// tellLoss calls the function Lost. It does not wait for it when the node leaves.
func (m *membership) tellLoss(messages uint64) {
	if m.onLost == nil {
		return
	}
	ctx, cancel := context.WithTimeout(m.life, lostFor)
	defer cancel()
	err := actor.Guard(ctx, func() error {
		m.onLost(messages)
		return nil
	})
	if err != nil && m.life.Err() == nil {
		m.log.Error("the function Lost failed", "node", m.node, "error", err)
	}
}
