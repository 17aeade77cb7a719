package wire

// The events of the protocol itself. All others are the program's.
const (
	EventJoin      = "phx_join"
	EventLeave     = "phx_leave"
	EventReply     = "phx_reply"
	EventClose     = "phx_close" // the channel has ended in good order: the client stays out
	EventError     = "phx_error" // the channel has crashed: the client joins again
	EventHeartbeat = "heartbeat" // on TopicPhoenix
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
