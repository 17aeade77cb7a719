package ws

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
	"github.com/troupe-go/troupe/transport/ws/internal/netconn"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Socket says where clients connect and what they find there. Path and Channels
// are all it needs.
type Socket struct {
	// Path is where the socket is mounted, such as "/socket". Clients add
	// "/websocket" to it by themselves. A segment in braces stands for any, as in
	// "/{tenant}/socket": what it was is in Request.Params by its name, and in
	// [http.Request.PathValue].
	Path string

	// Channels routes topics to channels. There must be one route at least.
	Channels Routes

	// Connect decides whether a client may connect, and as what. An error
	// refuses it with HTTP status 403, or as a [StatusError] says; the client is not
	// told why. If Connect is nil everybody may, anonymously. It runs on the
	// request's goroutine, after the checks of origin, subprotocol and version.
	Connect func(*Request) (Identity, error)

	// Refresh lets a client stay connected when its Identity expires. Some time before, a
	// minute at most, the client is asked for what it would connect with by then, and sends
	// it: docs/phoenix.md has the lines for the official client. It may also do so unasked.
	// A client that does not expires and comes back. Package wsclient does it by itself.
	//
	// Refresh gets that in a Request, and the Identity that it is about, and returns the one
	// that holds from now on: its ID must be the same, Assigns and Values take the place of
	// those before, also in the channels that there are. So it may call the function of Connect,
	// if it looks at no more than AuthToken and Params, which are what the client sends and
	// what its path had when it connected. The HTTP request has nothing but a RemoteAddr, that
	// path, and a context that ends with the connection or after 10 s. An error refuses it, and
	// the client stays until it expires; it is told why by [Refuse] only. Refresh runs on a
	// goroutine of its own, one at a time for each connection, and counts as a join for
	// MaxJoinRate. One that goes on after its context's end has failed, and is left alone; while
	// a thousand of an endpoint do, no other one is begun. If it is nil, connections end when
	// they expire.
	Refresh func(*Request, Identity) (Identity, error)

	// Origins lists the web origins that may connect, in forms such as
	// "https://example.com", "//example.com:8080" (any scheme) and
	// "//*.example.com" (any subdomain, and example.com). If it is empty the
	// origin must be the host that the request was sent to. Requests without an
	// Origin header come from no browser and are let through.
	//
	// Set it for a server that trusts its network, such as one in an office or on
	// localhost. Any page may let its own name stand for the server's address (DNS
	// rebinding), and is then the host that it has sent the request to.
	Origins []string

	// CheckOrigin, if not nil, decides instead of Origins.
	CheckOrigin func(*http.Request) bool

	// Subprotocols are the WebSocket subprotocols to choose from, besides
	// "phoenix", which the official client asks for with an auth token. A client
	// that asks for none of them is refused with status 403, unless the list is
	// empty; one that asks for nothing is let in.
	Subprotocols []string

	// IdleTimeout ends a connection on which no message, ping or pong has come for so
	// long; 60 s if 0. Clients send a heartbeat every 30 s.
	IdleTimeout time.Duration

	// Park keeps no goroutine for a connection on which nothing comes: it waits in
	// an epoll instance of the endpoint's, and a goroutine starts when something
	// comes. That takes 2.4 KB less for each idle connection, and a little more
	// time for each message. It also makes IdleTimeout up to a tenth longer. Only
	// Linux has it, and not for TLS; elsewhere Park does nothing.
	Park bool

	// WriteTimeout ends a connection that takes so long to accept what waits to
	// be written; 10 s if 0.
	WriteTimeout time.Duration

	// LongPoll serves clients that cannot use a WebSocket as well: they poll at
	// Path + "/longpoll", as the official client does by its longPollFallbackMs.
	// All requests of a client must reach this endpoint.
	LongPoll bool

	// PollWindow is how long a poll waits for messages; 10 s if 0. A client that
	// does not poll for one and a half windows is gone. The official client gives up
	// a poll after 20 s, its longpollerTimeout. The ReadTimeout and
	// WriteTimeout of an [http.Server] do not count for polls: instead, a poll or a
	// POST may take a PollWindow, and its answer WriteTimeout.
	PollWindow time.Duration

	// MaxMessageSize is the size in bytes of the largest message that a client
	// may send; 1 MiB if 0. A larger one ends the connection with code 1009. A POST of
	// a client that polls may have ten times as much in all.
	MaxMessageSize int

	// MaxQueue is how many bytes may wait for a client that does not read as fast
	// as it is sent to; 1 MiB if 0. What happens to one message more is up to
	// Overflow. For a client that polls, as much again may be in the answer that it
	// has not yet shown to have. MaxQueue also bounds what is broadcast to a channel's
	// HandleOut or HandleInfo and waits for it, there with 128 bytes more for each
	// message.
	MaxQueue int

	// MaxUnhandled is how many bytes of a client's messages may wait to be handled,
	// because a channel is slow or a Join is running; 1 MiB if 0. Each message counts
	// for 1 KiB at least, and one more than fits is let in. A client that sends more is
	// held back: its connection is not read meanwhile, heartbeats included. If nothing
	// is handled for an IdleTimeout then, the channel behind which most is waiting is
	// ended, and its client may join it again.
	MaxUnhandled int

	// Overflow is CloseSlow if not set: a client that does not read is closed.
	Overflow Overflow

	// MaxChannels is how many channels a client may join on one connection; 100
	// if 0. One more is refused with reason "too many channels joined". A topic of
	// more than 1,024 bytes is refused with reason "topic too long".
	MaxChannels int

	// MaxLingering is how many channels may linger at the endpoint, of all of its sockets, for
	// one more to linger on this one; 10,000 if 0. One more ends with its connection. See
	// Route.Linger.
	MaxLingering int

	// MaxLingeringPerUser is how many of these there may be on this socket with one
	// Identity.ID, so that no user takes the places of all; as MaxChannels if 0. Those without
	// an ID are bounded by MaxLingering alone. One more ends with its connection. Each node of
	// a cluster counts its own.
	MaxLingeringPerUser int

	// MaxLingerBytes is how many bytes are kept for the client of a channel that lingers, with
	// 128 more for each message; 64 KiB if 0. What is broadcast is kept once for all of them.
	// If there is more, none of it comes, and [Resumption] says so. For a client that says in
	// its joins what it has got, as much is kept while it is connected: the last pushes, until
	// its next join tells whether they have arrived.
	MaxLingerBytes int

	// MaxConnections is how many clients may be connected to the endpoint, on all of
	// its sockets, for one more to be let in on this one; no limit if 0. A client that
	// polls counts as one. One more is refused with status 503, before Connect, and
	// tries again later.
	MaxConnections int

	// MaxPerAddress is the same for the clients of one IP address, or of one IPv6
	// network of 64 bits; no limit if 0. One more is refused with status 429. Behind a
	// proxy all have the proxy's address: put a handler in front of the endpoint that
	// sets RemoteAddr of the request to the address in the proxy's header. Many people
	// may share an address; some hundreds is a limit that only programs reach.
	MaxPerAddress int

	// MaxPerUser is how many connections there may be on this socket with one
	// Identity.ID; no limit if 0, and none for those without an ID. One more is refused
	// with status 429, and tries again later: those that there are stay, so that nobody
	// who has got hold of a token ends the user's own. One that the network has lost
	// counts until IdleTimeout. Each node of a cluster counts its own.
	MaxPerUser int

	// MaxJoinRate is how many channels a client may join in a second; 50 if 0, no
	// limit if negative. One that has been quiet may make ten seconds' worth of joins
	// at once, as clients do when they reconnect. One more is refused with reason
	// "too many joins", upon which the official client tries again later.
	MaxJoinRate int

	// MaxMessageRate is how many messages a client may send in a second, heartbeats
	// and joins included; 10,000 if 0, no limit if negative. One that has been quiet
	// may send ten seconds' worth at once. Pings, pongs and parts of a message that
	// have less than 1 KiB count as well. A faster one is held back: its connection
	// is not read meanwhile, so that it notices nothing but delay. The same holds for
	// the POSTs of a client that polls, but for one that cannot be read in a
	// PollWindow: it gets status 408, upon which the client reconnects.
	MaxMessageRate int

	// Serializers are the versions of the protocol that clients may choose from, by
	// the parameter vsn: V1 and V2 if it is empty. The first that serves a version
	// has it; a client that names none gets version 1.0.0.
	Serializers []wire.Serializer

	// Compress lets clients have messages of 512 bytes and more compressed, both
	// ways, if they ask for it, as browsers do (permessage-deflate, without context
	// takeover). It costs time for each message, and 1.2 MB for each core that
	// compresses. A broadcast is compressed once for all its receivers.
	// MaxMessageSize is the size before compression.
	Compress bool

	// Observe, if not nil, is called with each [Observation]: that a client has connected,
	// joined, sent something and so on. It runs on the goroutine on which that
	// happened, so it must be quick and must not block, and may run on several at
	// once. What it does wrong is logged; where it would hold up or end others, it runs on
	// another goroutine and has a second, and while 16 calls hang, observations are lost.
	// Nothing is measured for it if it is nil.
	Observe func(Observation)

	origins []origin
	conn    netconn.Config
	timed   bool   // it is of interest when a message was read
	lingers bool   // some route has a Linger
	users   *users // nil: they are not counted
	lodgers *users // those whose channels linger
}

// Identity is who a client is, as Connect found.
type Identity struct {
	// ID names the connection, or all of one user's, for instance "user:17". Its
	// clients are disconnected by [Endpoint.Disconnect]. It may be empty.
	ID string
	// Assigns is yours, and all that stays of the request; see [Channel.Assigns].
	Assigns any
	// Values, if not nil, is a context of which the values are kept for the connection; see
	// [Channel.Values]. It is for code around Connect, such as a tracer, that leaves Assigns
	// to the program. It must not be derived from the request's context, which would keep
	// the request.
	Values context.Context
	// Expires, if not zero, is until when the client is who it is, such as the end of the
	// token that it has connected with, by the wall clock. Then the connection is closed with
	// code [StatusExpired], at once, and its channels end with [Closed]. Clients come back by
	// themselves, and the official one calls its params and authToken anew for that, if they
	// are functions. One that polls is answered as when its session is gone, and does the
	// same. See [Socket].Refresh for how to stay connected. If it has passed already, the
	// client is refused.
	Expires time.Time

	path string // that the client has connected to, if there is a Refresh
}

// Request is what a client connects with. It is only there for Connect: what is
// needed later goes into the Identity.
type Request struct {
	// Request is the HTTP request: peer, URL, header, cookies, trace context and so
	// on, without the auth token. A web page of another origin that Origins or
	// CheckOrigin lets through sends the user's cookies as well.
	*http.Request
	// Params are the parameters of the client's Socket, "vsn", and those of the
	// mount's path. Nested ones have keys such as "a[b]".
	Params url.Values
	// AuthToken is the client's authToken, or "".
	AuthToken string
}

// budget is what may be there of a client's messages.
func (s *Socket) budget() limit.Budget {
	return limit.Budget{Bytes: s.MaxUnhandled, Patience: s.IdleTimeout}
}

func (s Socket) withDefaults() (Socket, error) {
	if err := checkPath(s.Path); err != nil {
		return s, err
	}
	if err := s.Channels.validate(); err != nil {
		return s, err
	}
	var around []Middleware
	if s.timed = s.Observe != nil || s.Channels.anyUse(); s.Observe != nil {
		around = append(around, measured)
	}
	var err error
	if s.Channels, err = s.Channels.wrapped(around...); err != nil {
		return s, err
	}
	s.lingers = slices.ContainsFunc(s.Channels, func(r Route) bool { return r.Linger > 0 })
	for _, o := range s.Origins {
		parsed, err := parseOrigin(o)
		if err != nil {
			return s, err
		}
		s.origins = append(s.origins, parsed)
	}
	for _, p := range s.Subprotocols {
		if p == "" || strings.ContainsAny(p, ", \t") {
			return s, fmt.Errorf("subprotocol %q is not a name", p)
		}
	}
	if err := checkSerializers(s.Serializers); err != nil {
		return s, err
	}
	if len(s.Serializers) == 0 {
		s.Serializers = []wire.Serializer{wire.V1{}, wire.V2{}}
	}
	if s.Overflow > DropNewest {
		return s, fmt.Errorf("there is no Overflow %d", s.Overflow)
	}
	for name, n := range map[string]int64{
		"IdleTimeout":    int64(s.IdleTimeout),
		"WriteTimeout":   int64(s.WriteTimeout),
		"PollWindow":     int64(s.PollWindow),
		"MaxMessageSize": int64(s.MaxMessageSize),
		"MaxQueue":       int64(s.MaxQueue),
		"MaxUnhandled":   int64(s.MaxUnhandled),
		"MaxChannels":    int64(s.MaxChannels),
		"MaxLingering":   int64(s.MaxLingering),
		"MaxLingerBytes": int64(s.MaxLingerBytes),
		"MaxConnections": int64(s.MaxConnections),
		"MaxPerAddress":  int64(s.MaxPerAddress),
		"MaxPerUser":     int64(s.MaxPerUser),

		"MaxLingeringPerUser": int64(s.MaxLingeringPerUser),
	} {
		if n < 0 {
			return s, fmt.Errorf("%s is negative", name)
		}
	}
	s.IdleTimeout = cmp.Or(s.IdleTimeout, 60*time.Second)
	s.PollWindow = cmp.Or(s.PollWindow, 10*time.Second)
	s.WriteTimeout = cmp.Or(s.WriteTimeout, 10*time.Second)
	s.MaxMessageSize = cmp.Or(s.MaxMessageSize, 1<<20)
	s.MaxQueue = cmp.Or(s.MaxQueue, 1<<20)
	s.MaxUnhandled = cmp.Or(s.MaxUnhandled, 1<<20)
	s.MaxChannels = cmp.Or(s.MaxChannels, 100)
	s.MaxLingering = cmp.Or(s.MaxLingering, 10_000)
	s.MaxLingeringPerUser = cmp.Or(s.MaxLingeringPerUser, s.MaxChannels)
	s.MaxLingerBytes = cmp.Or(s.MaxLingerBytes, 64<<10)
	s.MaxJoinRate = cmp.Or(s.MaxJoinRate, 50)
	s.MaxMessageRate = cmp.Or(s.MaxMessageRate, 10_000)
	s.conn = s.connConfig()
	if s.MaxPerUser > 0 {
		s.users = &users{most: s.MaxPerUser}
	}
	s.lodgers = &users{most: s.MaxLingeringPerUser}
	return s, nil
}

// checkSerializers checks that each has a version, can be told from the others, and serves
// clients that no earlier one serves.
func checkSerializers(list []wire.Serializer) error {
	var versions []string
	for i, ser := range list {
		if isNil(ser) {
			return fmt.Errorf("serializer %d is nil", i)
		}
		version := ser.Version()
		if _, ok := parseVersion(version); !ok {
			return fmt.Errorf(`version %q of a serializer: want one like "2.0.0"`, version)
		}
		if !reflect.TypeOf(ser).Comparable() {
			return fmt.Errorf("serializer %T is not comparable", ser)
		}
		for j, earlier := range versions {
			if serves(earlier, version) {
				return fmt.Errorf("serializer %d, %T of version %s, is never asked: serializer %d has version %s", i, ser, version, j, earlier)
			}
		}
		versions = append(versions, version)
	}
	return nil
}

// isNil reports whether v is nil, or a nil pointer in an interface.
func isNil(v any) bool {
	p := reflect.ValueOf(v)
	return v == nil || p.Kind() == reflect.Pointer && p.IsNil()
}
