package mailbox

import "fmt"

// Overflow says what a full queue does with one message more.
type Overflow uint8

const (
	// Fail refuses the new message and tells the sender.
	Fail Overflow = iota
	// Block makes the sender wait for room. See [Queue.PushWait].
	Block
	// DropNewest discards the new message.
	DropNewest
	// DropOldest discards the message that has waited longest.
	DropOldest
)

// String returns the policy's name.
func (o Overflow) String() string {
	switch o {
	case Fail:
		return "fail"
	case Block:
		return "block"
	case DropNewest:
		return "drop newest"
	case DropOldest:
		return "drop oldest"
	}
	return fmt.Sprintf("overflow(%d)", uint8(o))
}

// Limit bounds a queue. The zero Limit means no bound.
//
// Only messages that wait count; the one that the receiver has in hand does
// not, and marks and urgent messages never do.
type Limit struct {
	Capacity int      // messages that may wait; 0: any number
	Overflow Overflow // what happens to the next one

	// HighWater, if not 0, is a number of waiting messages that is worth a report
	// when it is reached; the next one is made when less than half have waited.
	HighWater int
}

// Unbounded is the zero [Limit].
var Unbounded = Limit{}

// Bounded returns a [Limit] of capacity messages with the given policy. It
// panics if capacity is less than 1.
func Bounded(capacity int, overflow Overflow) Limit {
	if capacity < 1 {
		panic(fmt.Sprintf("mailbox: Bounded(%d, %v): a capacity is at least 1", capacity, overflow))
	}
	return Limit{Capacity: capacity, Overflow: overflow}
}
