package wsclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// Config says how a [Client] connects and behaves. URL is all it needs. The functions
// must not call [Client.Close]. One that panics or calls runtime.Goexit costs what it
// was called for: an attempt to connect, a join, or nothing; that is logged.
type Config struct {
	// URL is where the socket is mounted, such as "wss://example.com/socket";
	// "/websocket" is added to it. A query is kept.
	URL string

	// Params returns the parameters to connect with. It is called for each attempt,
	// so that a token in it is never stale; an error counts as a failed attempt. It
	// may be nil. It is also called, as AuthToken is, when the server asks on an open
	// connection, because that would end with the token, see Refresh of ws.Socket.
	Params func(context.Context) (url.Values, error)

	// AuthToken returns the token to send outside of the URL, as authToken of the
	// JavaScript client. It is called for each attempt. It may be nil.
	AuthToken func(context.Context) (string, error)

	// Header is sent along with each attempt.
	Header http.Header

	// HTTPClient makes the connections. If it is nil, the client has one of its own,
	// set up as [http.DefaultClient].
	HTTPClient *http.Client

	// Logger gets what nobody else is told, such as messages that cannot be read;
	// slog.Default() if nil.
	Logger *slog.Logger

	// OnConnect is called when a connection is open; OnDisconnect when it is lost or
	// an attempt to connect has failed, a [*ConnectError] then. The client goes on
	// trying either way. They are called one at a time, in order, and not after
	// Close.
	OnConnect    func()
	OnDisconnect func(error)

	// OnMessage is called with each message of the server's, heartbeats' answers
	// included, in the order in which they came and in turn with the two above. It is
	// for logs, metrics and the like: a channel's functions do not wait for it, and if
	// EventLimit messages wait for it, it misses those that follow.
	OnMessage func(Incoming)

	// LongPollFallback, if not 0, is how long a WebSocket may take to open and to
	// answer a first heartbeat. If none has done so yet, and the server has not refused
	// it with 403, the client polls instead from then on: there are proxies that let no
	// WebSocket pass. Messages are slower then, and a server cannot send binary ones.
	// It is longPollFallbackMs of the JavaScript client, where 2.5 s is usual.
	LongPollFallback time.Duration

	// HeartbeatInterval is the time between heartbeats; 30 s if 0. A connection on
	// which one is not answered until the next is due is taken for dead. A server
	// closes connections on which nothing comes for 60 s.
	HeartbeatInterval time.Duration

	// Timeout is how long an attempt to connect, a join, a leave or a write may take;
	// 10 s if 0. Push and Join wait as long when the caller's context has no deadline.
	Timeout time.Duration

	// ReconnectDelay returns how long to wait before the attempt to reconnect with
	// that number, from 1. The count starts anew when a message has come on a new
	// connection. If it is nil, the delays are those of the JavaScript client: 10, 50,
	// 100, 150, 200, 250, 500, 1000, 2000, and then 5000 ms. Each is made longer or
	// shorter by up to half, so that clients which lost a server together do not
	// come back in step.
	ReconnectDelay func(attempt int) time.Duration

	// RejoinDelay returns how long to wait before a channel's attempt to join again
	// with that number, from 1. The count starts anew after a join, and on a new
	// connection, where the first attempt is made at once. If it is nil, the delays
	// are 1, 2, 5, and then 10 s.
	RejoinDelay func(attempt int) time.Duration

	// MaxMessageSize is the size in bytes of the largest message that the server may
	// send; 16 MiB if 0. A larger one ends the connection.
	MaxMessageSize int

	// PushLimit is how many pushes of one channel may wait to be sent, because it is
	// not joined or because the connection is slow; 1000 if 0. PushOverflow says what
	// happens to one more.
	PushLimit    int
	PushOverflow Overflow

	// EventLimit is how many messages of the server may wait for one channel's
	// functions; 10,000 if 0. With one more the channel has failed, with
	// [ErrOverrun]: it is left and joined again, so that it starts from a fresh
	// state. Nothing waits for events that no function was given for.
	EventLimit int
}

// Overflow says what happens when a channel's buffer of pushes is full.
type Overflow uint8

const (
	// Fail refuses the new push, with [ErrBufferFull].
	Fail Overflow = iota
	// DropOldest gives up the push that has waited longest, with [ErrBufferFull], to
	// make room for the new one.
	DropOldest
)

// String returns the policy's name.
func (o Overflow) String() string {
	switch o {
	case Fail:
		return "fail"
	case DropOldest:
		return "drop oldest"
	}
	return fmt.Sprintf("overflow(%d)", uint8(o))
}

// The delays of the official client, in ms: CLI-2, CLI-3.
var (
	reconnectDelays = []time.Duration{10, 50, 100, 150, 200, 250, 500, 1000, 2000, 5000}
	rejoinDelays    = []time.Duration{1000, 2000, 5000, 10_000}
)

func delay(table []time.Duration, attempt int) time.Duration {
	return table[min(attempt, len(table))-1] * time.Millisecond
}

func defaultReconnectDelay(attempt int) time.Duration {
	d := delay(reconnectDelays, attempt)
	return d/2 + rand.N(d)
}

func defaultRejoinDelay(attempt int) time.Duration { return delay(rejoinDelays, attempt) }

func (o Config) withDefaults() (Config, error) {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return o, err
	case u.Scheme != "ws" && u.Scheme != "wss" && u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return o, fmt.Errorf(`URL %q is not like "wss://example.com/socket"`, o.URL)
	case o.HeartbeatInterval < 0, o.Timeout < 0, o.LongPollFallback < 0, o.MaxMessageSize < 0, o.PushLimit < 0, o.EventLimit < 0:
		return o, errors.New("a duration or a limit is negative")
	case o.PushOverflow > DropOldest:
		return o, fmt.Errorf("unknown PushOverflow: %v", o.PushOverflow)
	}
	o.HeartbeatInterval = cmp.Or(o.HeartbeatInterval, 30*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.MaxMessageSize = cmp.Or(o.MaxMessageSize, 16<<20)
	o.PushLimit = cmp.Or(o.PushLimit, 1000)
	o.EventLimit = cmp.Or(o.EventLimit, 10_000)
	o.Logger = newLogger(cmp.Or(o.Logger, slog.Default()))
	if o.HTTPClient == nil {
		// Not the default transport itself: it would keep connections on which the
		// server refused an upgrade, and Close could not end them.
		t := &http.Transport{Proxy: http.ProxyFromEnvironment}
		if d, ok := http.DefaultTransport.(*http.Transport); ok {
			t = d.Clone()
		}
		o.HTTPClient = &http.Client{Transport: t}
	}
	if o.ReconnectDelay == nil {
		o.ReconnectDelay = defaultReconnectDelay
	}
	if o.RejoinDelay == nil {
		o.RejoinDelay = defaultRejoinDelay
	}
	return o, nil
}
