// Package netconn is one WebSocket connection of a server, which has no goroutine while
// nothing comes (see Config.Park) and no buffer while nothing is there. It knows nothing
// of what the messages mean.
//
// # The life of a connection
//
// A [Conn] is upgraded by Accept, read from Start on, and closed by Close, which may come
// at any time, even before Accept. What it hears goes to a [Sink]:
//
//	Accept ──► Start ──► Received … ──► Lost ──► Close ──► Closed
//	   │                     └───────────────────► Close ──► Closed
//	   └─ fails ──► Lost ──► Closed
//
// After Close, what comes is passed over until the client has answered the close frame,
// for five seconds at most.
//
// # Who reads
//
// At any moment one goroutine reads the connection and may touch its inbound half
// (inbound.go), or none does. Which goroutine that is, is a state under parking.mu
// (parking.go):
//
//	state     reader               how it ends
//	unread    none                 Start: reading, by receive
//	                               Close: reading, by closing
//	reading   receive or closing   nothing comes: parked
//	                               no more can be read: unread, then Lost
//	                               Close: receive turns to closing
//	                               closing is over: Closed
//	parked    none, the lot        something has come: reading, by receive
//	          watches              nothing for too long: unread, then Lost
//	                               Close: reading, by closing
//
// There are these invariants:
//
//   - A goroutine is started for reading only by the one that takes the state from unread
//     or parked to reading, under parking.mu. So there are never two.
//   - A reader leaves that state under parking.mu, and touches nothing of inbound
//     afterwards. Hence the next one sees all that it wrote.
//   - Close sets over, once. Then nobody but closing reads, and nobody sets a read
//     deadline any more: it is that of closing.
//   - While the connection is parked, its descriptor is in the lot (lot_linux.go), whose
//     epoll instance reports what has come since the last look. What comes between the
//     look and parking sets again, so that it is not lost.
//   - The connection leaves the lot before its descriptor is closed, so the lot never
//     wakes another connection that has got the same one, but for nothing.
//
// # Who writes
//
// A write is tried at once, by the goroutine that sends, under Conn.mu (outbound.go). What
// the kernel does not take is the backlog. While there is one, flushing is set and one
// goroutine writes it, without the lock; everybody else appends. So frames are never torn
// or out of order. After closeSent nothing is appended, so the close frame is the last.
//
// # Locks
//
// They are taken in the order Conn.mu, lot.mu, parking.mu, and none is held while the Sink
// is called. A system call is made under Conn.mu and parking.mu, but none that waits.
package netconn
