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

// Validate reports what is wrong with a limit, or nil: a negative number, an unknown policy, one
// without a capacity, or a HighWater that can never be reached. A spawn with such a limit
// fails.
func (l Limit) Validate() error {
	switch {
	case l.Capacity < 0:
		return fmt.Errorf("mailbox: Capacity is negative: %d", l.Capacity)
	case l.HighWater < 0:
		return fmt.Errorf("mailbox: HighWater is negative: %d", l.HighWater)
	case l.Overflow > DropOldest:
		return fmt.Errorf("mailbox: Overflow is unknown: %d", uint8(l.Overflow))
	case l.Capacity == 0 && l.Overflow != Fail:
		return fmt.Errorf("mailbox: Overflow is %v, and there is no Capacity", l.Overflow)
	case l.Capacity > 0 && l.HighWater > l.Capacity:
		return fmt.Errorf("mailbox: HighWater is %d, more than the Capacity of %d", l.HighWater, l.Capacity)
	}
	return nil
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
