package wire

// The events of the protocol itself. All others are the program's.
const (
	EventJoin      = "phx_join"
	EventLeave     = "phx_leave"
	EventReply     = "phx_reply"
	EventClose     = "phx_close"   // the channel has ended in good order: the client stays out
	EventError     = "phx_error"   // the channel has crashed: the client joins again
	EventRefresh   = "phx_refresh" // of the server: send what you would connect with; of the client: it
	EventHeartbeat = "heartbeat"   // on TopicPhoenix
)

// The events of recorded topics, for clients that have sent the parameter since. Positions
// are refs such as "@k3v9:17".
const (
	EventPosition = "phx_position" // its ref is the client's position; there is no more to it
	EventRecovery = "phx_recovery" // says, behind the answer to a join, what becomes of what was missed
)

// The events of presence, which follow the join of a channel.
const (
	EventPresenceState = "presence_state"
	EventPresenceDiff  = "presence_diff"
)

// TopicPhoenix is the topic of heartbeats. It belongs to the connection, not to a channel.
const TopicPhoenix = "phoenix"

// The statuses of replies that clients know. A program may send others.
const (
	StatusOK    = "ok"
	StatusError = "error"
)
