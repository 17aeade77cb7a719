package mailbox

import "fmt"

// Overflow says what a full mailbox does with the next message.
type Overflow uint8

const (
	// Fail refuses the new message and tells the sender.
	Fail Overflow = iota
	// Block makes the sender wait for room. The wait ends early with the context of the
	// send, or with the end of the receiver.
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

// Limit bounds a mailbox. The zero value means no bound.
//
// Only messages that wait count. The one that the actor has in hand does not, and
// neither do signals and urgent messages.
type Limit struct {
	Capacity int      // messages that may wait; 0: any number
	Overflow Overflow // what happens to the next one

	// HighWater, if not 0, is the number of waiting messages at which the actor's
	// system reports the mailbox. It reports again only after the number has fallen
	// to half or less.
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
