package observer

import (
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor/flight"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Config says what an [Observer] shows, and to whom. The zero Config is one for a program on
// the developer's own machine.
type Config struct {
	// Endpoints are those whose connections, channels and topics are shown.
	Endpoints []*ws.Endpoint

	// Trackers are those whose presences are shown with the topics.
	Trackers []*presence.Tracker

	// Tables are shown as they are; package view makes those of registries and the like.
	Tables []view.Table

	// Cluster has the observers of the other nodes answer as well, so that one page shows
	// all; nil: this node only. Those that may look here may look there, and the others' pages
	// show this node: their Authorize decides about their pages, and not about this one.
	// Nothing but looking goes from node to node.
	Cluster query.Peers

	// Authorize decides who may see the page, and what else: it is asked at each HTTP
	// request, so also for the page's socket, again before each act and each trace, and
	// every Recheck while a page is open. It gets the request that opened the page then,
	// with what other handlers have put into its context, but for the end of that. A
	// Grant with rights lets the request in. An error refuses it with status 403, or as a
	// [*ws.StatusError] says: 401 with a WWW-Authenticate has the browser ask for a
	// password. It has five seconds; if it panics or takes longer, the request is refused.
	//
	// If it is nil it is [Local]([Look]): requests from this machine may look. That means
	// that both ends of the TCP connection have a loopback address, the Host header has one
	// or is "localhost", and no header says that a proxy has passed the request on. A proxy
	// on the same machine that leaves no trace is not noticed: behind one, write your own.
	Authorize func(*http.Request) (Grant, error)

	// History says how much is remembered of what has happened, from the start of the
	// observer on; nothing if its For is negative.
	History query.HistoryConfig

	// Flight is what those with the right to Trace may fetch: the last seconds of the
	// program as its runtime has recorded them, for go tool trace. It is the file "flight"
	// below the mount path, and has a link on the page. One client at a time has a
	// minute for it, and each attempt is logged; nil: there is none.
	Flight *flight.Recorder

	// Recheck is how often Authorize is asked again while a page is open; 1 min if 0. A
	// page whose grant is not confirmed is closed.
	Recheck time.Duration

	// Origins lists the web origins whose pages may connect, as [ws.Socket.Origins]. If it
	// is empty that is the host that the request was sent to, and nobody else. Set it if
	// Authorize goes by the address of the client, or by its network: any page may
	// let its own name stand for this server (DNS rebinding). The flight recording is then
	// sent only if the request's Host header is that of such an origin, too.
	Origins []string
}

// Rights are what somebody may do. Each includes those before it.
type Rights uint8

const (
	// None is no right, not even to look.
	None Rights = iota
	// Look is to see all that the observer shows without being asked to: the tree,
	// figures, labels, states, crashes.
	Look
	// Trace is to see the messages that an actor handles, and to record what the
	// scheduler does. Both cost the program something, and show users' data.
	Trace
	// Act is to stop, kill, suspend and resume actors, and to disconnect clients.
	Act
)

// String returns the name of the right, in lower case.
func (r Rights) String() string {
	switch r {
	case None:
		return "none"
	case Look:
		return "look"
	case Trace:
		return "trace"
	case Act:
		return "act"
	}
	return "invalid"
}

// Grant is what Authorize lets somebody do.
type Grant struct {
	Rights  Rights
	Who     string    // the log of each act says it
	Expires time.Time // until when this holds, if Authorize does not grant it anew then; zero: for good
}
