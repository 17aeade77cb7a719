package otel

import "go.opentelemetry.io/otel/attribute"

// definition is what there is to say of one metric. The program makes its instruments from
// the catalog, and the tests the table of the guide, so that both say the same.
type definition struct {
	name   string
	kind   kind
	unit   string // by UCUM
	about  string
	labels []label
}

type kind uint8

const (
	counter   kind = iota // only grows
	upDown                // how many there are now, which may be added up
	gauge                 // seconds now, which may not
	histogram             // of seconds
)

// label is an attribute of a metric.
type label struct {
	key attribute.Key
	// most is how many values there can be, if this package knows them all. The program has
	// those of the others, and how many it has is not known.
	most int
}

func (l label) isOpen() bool { return l.most == 0 }

// The labels of all metrics. Beyond the limit of a metric, those that are open are "other".
var (
	byBehavior  = label{key: "troupe.actor.type"}
	byHandler   = label{"troupe.handler", len(handlers) + 1}
	byReason    = label{"troupe.reason", len(reasons)}
	bySocket    = label{key: "troupe.socket"}
	byRoute     = label{key: "troupe.route"}
	byEvent     = label{key: "troupe.event"}
	byTransport = label{"troupe.transport", len(transports) + 1}
	byStatus    = label{"troupe.status", len(statuses)}
	byCode      = label{"troupe.code", len(closeCodes) + 1}
)

// other stands for the values of a label that are not told apart.
const other = "other"

// What actors do.
var (
	actorsLive = &definition{"troupe.actor.live", upDown, "{actor}",
		"Actors that have not ended", []label{byBehavior}}
	actorSpawned = &definition{"troupe.actor.spawned", counter, "{actor}",
		"Actors spawned", []label{byBehavior}}
	actorEnded = &definition{"troupe.actor.ended", counter, "{actor}",
		"Actors ended, also those that a crash has taken along", []label{byBehavior, byReason}}
	actorCrashed = &definition{"troupe.actor.crashed", counter, "{actor}",
		"Actors that have failed by themselves", []label{byBehavior, byReason}}
	restarted = &definition{"troupe.actor.restarted", counter, "{actor}",
		"Actors that supervisors have started again, by why they had ended", []label{byReason}}
	gaveUp = &definition{"troupe.supervisor.given_up", counter, "{supervisor}",
		"Supervisors that ended because restarts did not help", []label{byReason}}
	deadLetters = &definition{"troupe.actor.dead_letters", counter, "{message}",
		"Messages that nobody has handled: the actor had ended, or its mailbox was full", []label{byReason}}
	highWater = &definition{"troupe.actor.high_water", counter, "{event}",
		"Mailboxes that have reached their high-water mark", nil}
	slowHandlers = &definition{"troupe.actor.slow_handlers", counter, "{handler}",
		"Handlers that a watchdog has found running for too long", nil}
	abandoned = &definition{"troupe.actor.abandoned", counter, "{actor}",
		"Actors that were killed while a handler did not return", nil}
	stuck = &definition{"troupe.actor.stuck", upDown, "{actor}",
		"Abandoned actors whose handlers have not returned to this day, each a lost goroutine", nil}
	handlerDuration = &definition{"troupe.actor.handler.duration", histogram, "s",
		"Time that handlers took, of a sample", []label{byBehavior, byHandler}}
	mailboxWait = &definition{"troupe.actor.mailbox.wait_time", histogram, "s",
		"Time from a send with a context, or a call, until the handler, of a sample", []label{byBehavior}}
)

// What endpoints do.
var (
	connections = &definition{"troupe.ws.connection.open", upDown, "{connection}",
		"Connections that are open", nil}
	longPolls = &definition{"troupe.ws.connection.polling", upDown, "{connection}",
		"Of these, clients that poll", nil}
	connects = &definition{"troupe.ws.connection.accepted", counter, "{connection}",
		"Clients let in", nil}
	refusals = &definition{"troupe.ws.connection.refused", counter, "{connection}",
		"Clients refused, by Connect or the checks before it", nil}
	slowClients = &definition{"troupe.ws.connection.slow", counter, "{connection}",
		"Connections closed because the client did not read", nil}
	channels = &definition{"troupe.ws.channel.open", upDown, "{channel}",
		"Channels that are joined", nil}
	lingering = &definition{"troupe.ws.channel.lingering", upDown, "{channel}",
		"Of these, those whose clients are away", nil}
	joins = &definition{"troupe.ws.channel.joined", counter, "{channel}",
		"Channels joined", nil}
	resumes = &definition{"troupe.ws.channel.resumed", counter, "{channel}",
		"Channels that clients have come back to", nil}
	joinRefusals = &definition{"troupe.ws.channel.refused", counter, "{channel}",
		"Joins refused, by Join or the checks before it", nil}
	lingerRefusals = &definition{"troupe.ws.channel.linger_refused", counter, "{channel}",
		"Channels that ended with their connection because too many linger", nil}
	channelErrors = &definition{"troupe.ws.channel.failed", counter, "{channel}",
		"Channels ended with an error that the client was told of", nil}
	messagesIn = &definition{"troupe.ws.message.received", counter, "{message}",
		"Messages from clients, heartbeats included", nil}
	malformed = &definition{"troupe.ws.message.malformed", counter, "{message}",
		"Of these, those that could not be decoded", nil}
	messagesOut = &definition{"troupe.ws.message.delivered", counter, "{message}",
		"Messages to clients, each receiver of a broadcast counted", nil}
	messagesDropped = &definition{"troupe.ws.message.dropped", counter, "{message}",
		"Messages that were not sent to a client", nil}
	broadcasts = &definition{"troupe.ws.broadcast", counter, "{broadcast}",
		"Events broadcast, to however many receivers", nil}
	queueBytes = &definition{"troupe.ws.queue.size", upDown, "By",
		"Bytes that wait for clients to read them", nil}
)

// What the code behind sockets does.
var (
	connectDuration = &definition{"troupe.ws.connect.duration", histogram, "s",
		"Time that the checks and Connect took", []label{bySocket, byTransport, byStatus}}
	closed = &definition{"troupe.ws.connection.closed", counter, "{connection}",
		"Connections ended, by the code of the close", []label{bySocket, byCode}}
	joinDuration = &definition{"troupe.ws.join.duration", histogram, "s",
		"Time that Join took", []label{byRoute, byStatus}}
	eventDuration = &definition{"troupe.ws.event.duration", histogram, "s",
		"Time that HandleIn took", []label{byRoute, byEvent, byStatus}}
	eventWait = &definition{"troupe.ws.event.wait_time", histogram, "s",
		"Time from when a client's message was read until HandleIn", []label{byRoute}}
	channelsEnded = &definition{"troupe.ws.channel.ended", counter, "{channel}",
		"Channels ended that clients had joined", []label{byRoute, byReason}}
)

// What trackers of presences know.
var (
	presences = &definition{"troupe.presence.tracked", upDown, "{presence}",
		"Presences that the node knows of, its own and those of others", nil}
	presenceTopics = &definition{"troupe.presence.topics", upDown, "{topic}",
		"Topics in which somebody is present", nil}
	presenceJoins = &definition{"troupe.presence.joined", counter, "{presence}",
		"Presences that came, or whose meta has changed", nil}
	presenceLeaves = &definition{"troupe.presence.left", counter, "{presence}",
		"Presences that went, or whose meta has changed", nil}
)

// What goes between nodes.
var (
	published = &definition{"troupe.cluster.message.published", counter, "{message}",
		"Messages accepted for other nodes; a broadcast counts once", nil}
	notPublished = &definition{"troupe.cluster.message.refused", counter, "{message}",
		"Messages not accepted for other nodes", nil}
	received = &definition{"troupe.cluster.message.received", counter, "{message}",
		"Messages of other nodes", nil}
	stray = &definition{"troupe.cluster.message.stray", counter, "{message}",
		"Of these, those for what is not connected here", nil}
	lost = &definition{"troupe.cluster.message.lost", counter, "{message}",
		"Messages of other nodes that were lost on their way here", nil}
	unsent = &definition{"troupe.cluster.message.unsent", counter, "{message}",
		"Messages accepted for other nodes that could not be sent", nil}
	foreign = &definition{"troupe.cluster.message.malformed", counter, "{message}",
		"Messages that were none of this cluster's", nil}
	reconnects = &definition{"troupe.cluster.reconnects", counter, "{connection}",
		"Connections of the adapter that were made anew", nil}
	denied = &definition{"troupe.cluster.denied", counter, "{connection}",
		"Connections of the adapter that were refused subscriptions, such as by max_subscriptions", nil}
	waiting = &definition{"troupe.cluster.message.waiting", upDown, "{message}",
		"Messages to be sent or to be delivered", nil}
	waitingBytes = &definition{"troupe.cluster.queue.size", upDown, "By",
		"Their bytes", nil}
	lag = &definition{"troupe.cluster.lag", gauge, "s",
		"Age of the oldest message that has come and is not delivered yet", nil}
)

// catalog is all metrics, in the order of the guide.
var catalog = []*definition{
	actorsLive, actorSpawned, actorEnded, actorCrashed, restarted, gaveUp,
	deadLetters, highWater, slowHandlers, abandoned, stuck, handlerDuration, mailboxWait,

	connections, longPolls, connects, refusals, slowClients, channels, lingering, joins, resumes, joinRefusals,
	lingerRefusals, channelErrors, messagesIn, malformed, messagesOut, messagesDropped, broadcasts, queueBytes,

	connectDuration, closed, joinDuration, eventDuration, eventWait, channelsEnded,

	presences, presenceTopics, presenceJoins, presenceLeaves,

	published, notPublished, received, stray, lost, unsent, foreign, reconnects, denied, waiting, waitingBytes, lag,
}

// buckets are the bounds of histograms, in seconds: from what a handler takes that only
// computes to what somebody waits for.
var buckets = []float64{
	10e-6, 50e-6, 100e-6, 500e-6, 1e-3, 5e-3, 10e-3, 50e-3, 100e-3, 500e-3, 1, 5, 10,
}
