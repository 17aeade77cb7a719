package query

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
	"github.com/troupe-go/troupe/transport/ws"
)

// SocketsRequest asks for connections, or for topics.
type SocketsRequest struct {
	Endpoint string `json:"endpoint"` // of [Source.Endpoints]; "": the first
	Filter   string `json:"filter"`   // a part of one of their texts
	Limit    int    `json:"limit"`    // 100 if 0, 1,000 at most
}

// Sockets are the connections of an endpoint.
type Sockets struct {
	Rows    []Socket `json:"rows"`
	Total   int      `json:"total"` // that the filter lets through
	Partial bool     `json:"partial,omitempty"`
}

// Socket is one connection.
type Socket struct {
	PID        string `json:"pid"`
	Path       string `json:"path"`
	Transport  string `json:"transport"`
	Version    string `json:"version,omitempty"`
	ID         string `json:"id,omitempty"`
	Remote     string `json:"remote,omitempty"`
	Since      int64  `json:"since"`
	Channels   int    `json:"channels"`
	QueueBytes int    `json:"queueBytes"`
	Parked     bool   `json:"parked,omitempty"`
}

// SocketRequest asks for one connection.
type SocketRequest struct {
	Endpoint string `json:"endpoint"`
	PID      string `json:"pid"`
}

// SocketChannels is a connection with its channels.
type SocketChannels struct {
	Socket
	List []Channel `json:"list"`
	More int       `json:"more,omitempty"`
}

// Channel is one client on one topic.
type Channel struct {
	PID        string `json:"pid"`
	Connection string `json:"connection"`
	ID         string `json:"id,omitempty"` // of the connection
	Topic      string `json:"topic"`
	Route      string `json:"route"`
	Handler    string `json:"handler"`
	Joined     bool   `json:"joined"`
	Lingering  bool   `json:"lingering,omitempty"` // its connection is lost, see ws.Route
	Waiting    int64  `json:"waiting"`             // bytes of the client's messages that are not handled yet
}

// Topics are those that clients of an endpoint have joined.
type Topics struct {
	Rows    []TopicRow `json:"rows"`
	Total   int        `json:"total"`
	Partial bool       `json:"partial,omitempty"`
}

// TopicRow is a topic.
type TopicRow struct {
	Topic    string `json:"topic"`
	Route    string `json:"route"`
	Channels int    `json:"channels"`
	Presence int    `json:"presence,omitempty"` // keys that are present
}

// TopicRequest asks for one topic.
type TopicRequest struct {
	Endpoint string `json:"endpoint"`
	Topic    string `json:"topic"`
	Filter   string `json:"filter"` // for the keys that are present
	Limit    int    `json:"limit"`
}

// Topic is a topic with the channels that have joined it, and the keys that are present in
// it.
type Topic struct {
	Topic    string     `json:"topic"`
	Route    string     `json:"route,omitempty"`
	Channels []Channel  `json:"channels"`
	Total    int        `json:"total"` // of the channels
	Presence []Presence `json:"presence"`

	PresenceTotal int `json:"presenceTotal"`
}

// Presence is a key that is present in a topic, and how often.
type Presence struct {
	Key   string `json:"key"`
	Count int    `json:"count"`
}

// Endpoints returns the names of the endpoints.
func (s *Source) Endpoints() []string {
	names := make([]string, len(s.cfg.Endpoints))
	for i := range names {
		names[i] = fmt.Sprintf("endpoint %d", i+1)
		if i == 0 {
			names[i] = "endpoint"
		}
	}
	return names
}

func (s *Source) endpoint(name string) (*ws.Endpoint, error) {
	for i, n := range s.Endpoints() {
		if n == name || name == "" {
			return s.cfg.Endpoints[i], nil
		}
	}
	if len(s.cfg.Endpoints) == 0 {
		return nil, Errorf(Unavailable, "the observer's Config has no Endpoints")
	}
	return nil, Errorf(Unavailable, "there is no endpoint %.40q, but there is: %s", name, text.Line(strings.Join(s.Endpoints(), ", ")))
}

// some goes through things until ctx is done, and returns whether it has seen all of them.
func some[T any](ctx context.Context, all iter.Seq[T], f func(T)) bool {
	n := 0
	for v := range all {
		if n++; n%256 == 0 && ctx.Err() != nil {
			return false
		}
		f(v)
	}
	return true
}

// anyContains reports whether one of the texts has the filter, which is in lower case, as a part.
func anyContains(lower string, texts ...string) bool {
	if lower == "" {
		return true
	}
	for _, t := range texts {
		if contains(t, lower) {
			return true
		}
	}
	return false
}

// Sockets answers a [SocketsRequest] with connections.
func (s *Source) Sockets(ctx context.Context, q SocketsRequest) (*Sockets, error) {
	e, err := s.endpoint(q.Endpoint)
	if err != nil {
		return nil, err
	}
	answer, want, left := &Sockets{Rows: []Socket{}}, strings.ToLower(q.Filter), wholeRoom
	answer.Partial = !some(ctx, e.Connections(), func(c ws.ConnectionInfo) {
		row := socketOf(c)
		if !anyContains(want, row.ID, row.Remote, row.PID, row.Path) {
			return
		}
		if answer.Total++; len(answer.Rows) < limited(q.Limit) && left.takes(row.PID, row.Path, row.ID, row.Remote) {
			answer.Rows = append(answer.Rows, row)
		}
	})
	return answer, nil
}

func socketOf(c ws.ConnectionInfo) Socket {
	row := Socket{
		PID: text.PID(c.PID), Path: c.Path, Transport: c.Transport, Version: c.Version, ID: text.Line(c.SocketID),
		Since: millis(c.Since), Channels: c.Channels, QueueBytes: c.QueueBytes, Parked: c.Parked,
	}
	if c.Remote.IsValid() {
		row.Remote = c.Remote.String()
	}
	return row
}

func channelOf(c ws.ChannelInfo) Channel {
	return Channel{
		PID: text.PID(c.PID), Connection: text.PID(c.Connection), ID: text.Line(c.SocketID), Topic: text.Line(c.Topic),
		Route: c.Route, Handler: typeName(c.Handler), Joined: c.Joined, Lingering: c.Lingering, Waiting: c.Waiting,
	}
}

func (c Channel) takes(r *room) bool {
	return r.takes(c.PID, c.Connection, c.ID, c.Topic, c.Route, c.Handler)
}

// Socket answers a [SocketRequest].
func (s *Source) Socket(ctx context.Context, q SocketRequest) (*SocketChannels, error) {
	e, err := s.endpoint(q.Endpoint)
	if err != nil {
		return nil, err
	}
	pid, err := s.find(q.PID)
	if err != nil {
		return nil, err
	}
	c, ok := e.Connection(pid)
	if !ok {
		return nil, Errorf(Gone, "%v is no connection of this endpoint", pid)
	}
	answer, left := &SocketChannels{Socket: socketOf(c), List: []Channel{}}, wholeRoom
	some(ctx, e.ChannelsOf(pid), func(c ws.ChannelInfo) {
		if row := channelOf(c); len(answer.List) < maxLimit && row.takes(&left) {
			answer.List = append(answer.List, row)
		} else {
			answer.More++
		}
	})
	return answer, nil
}

// isConnection reports whether an actor is the connection of a client.
func (s *Source) isConnection(pid actor.PID) bool {
	return slices.ContainsFunc(s.cfg.Endpoints, func(e *ws.Endpoint) bool {
		_, ok := e.Connection(pid)
		return ok
	})
}

// Topics answers a [SocketsRequest] with topics.
func (s *Source) Topics(ctx context.Context, q SocketsRequest) (*Topics, error) {
	e, err := s.endpoint(q.Endpoint)
	if err != nil {
		return nil, err
	}
	answer, want, left := &Topics{Rows: []TopicRow{}}, strings.ToLower(q.Filter), wholeRoom
	answer.Partial = !some(ctx, e.Topics(), func(t ws.TopicInfo) {
		if !anyContains(want, t.Topic) {
			return
		}
		if answer.Total++; len(answer.Rows) < limited(q.Limit) && left.takes(t.Topic, t.Route) {
			answer.Rows = append(answer.Rows, TopicRow{Topic: t.Topic, Route: t.Route, Channels: t.Channels})
		}
	})
	for i := range answer.Rows {
		row := &answer.Rows[i]
		for _, tracker := range s.cfg.Trackers {
			_, n := tracker.Keys(row.Topic, "", 0)
			row.Presence += n
		}
		row.Topic = text.Cut(row.Topic, maxTopic)
	}
	return answer, nil
}

// maxTopic is how long a topic can be, in bytes.
const maxTopic = 1024

// Topic answers a [TopicRequest].
func (s *Source) Topic(ctx context.Context, q TopicRequest) (*Topic, error) {
	e, err := s.endpoint(q.Endpoint)
	if err != nil {
		return nil, err
	}
	answer := &Topic{Topic: text.Cut(q.Topic, maxTopic), Channels: []Channel{}, Presence: []Presence{}}
	half := wholeRoom / 2 // the rest is for the keys
	some(ctx, e.ChannelsOn(q.Topic), func(c ws.ChannelInfo) {
		answer.Route = c.Route
		row := channelOf(c)
		if answer.Total++; len(answer.Channels) < limited(q.Limit) && row.takes(&half) {
			answer.Channels = append(answer.Channels, row)
		}
	})
	left := wholeRoom / 2
	for _, tracker := range s.cfg.Trackers {
		keys, total := tracker.Keys(q.Topic, q.Filter, limited(q.Limit))
		answer.PresenceTotal += total
		for _, k := range keys {
			if key := text.Line(k.Key); left.takes(key) {
				answer.Presence = append(answer.Presence, Presence{key, k.Count})
			}
		}
	}
	return answer, nil
}
