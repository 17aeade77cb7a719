// Package queue holds the queue that an actor's messages wait in.
//
// A [Queue] has many senders and one receiver. It is built for receivers that
// are idle most of the time and busy in bursts:
//
//   - An empty queue holds no memory but its header; segments of slots come
//     from a pool that all queues of one element type share, and go back to it.
//   - Messages are stored as values of their own type, so a send neither boxes
//     nor allocates in the steady state.
//   - The receiver takes everything that waits in one step (a [Batch]) and then
//     works without the lock.
//   - The queue knows whether its receiver is awake. The sender that finds it
//     asleep is told so, exactly once, and must wake it; an idle receiver needs
//     no goroutine.
//
// Besides messages, a queue carries marks: rare items of another type that keep
// their place in the order of messages. Package actor sends its exit and down
// signals as marks.
//
// A queue is unbounded unless it is given a [mailbox.Limit], which says how many
// messages may wait and what happens to the next one.
package queue
