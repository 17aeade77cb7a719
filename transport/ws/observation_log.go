package ws

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// ObservationLog logs events: its Observe method goes into Socket.Observe. The zero
// ObservationLog logs as Phoenix does: connects and joins with level Info, what handlers
// handle and the rest with Debug. It leaves out the values of parameters that are called
// something like password or token, and everything of topics that start with "phoenix". An
// auth token, headers and replies are not logged at all. It must not be changed once it is
// in use.
//
// Phoenix: Phoenix.Logger.
type ObservationLog struct {
	Logger *slog.Logger // slog.Default() if nil

	// Level decides how an event is logged, and whether it is; it is DefaultLevel if
	// nil.
	Level func(Observation) (level slog.Level, ok bool)

	// Filter lists what must not be part of a parameter's name, in capitals or not, or its
	// value is logged as [FILTERED]; it is "password" and "token" if nil.
	Filter []string
}

// DefaultLevel is the Level of an ObservationLog that has none.
func DefaultLevel(e Observation) (level slog.Level, ok bool) {
	switch e.(type) {
	case Connected, Joined, Drained:
		return slog.LevelInfo, true
	}
	return slog.LevelDebug, true
}

// Observe logs an event.
func (l *ObservationLog) Observe(e Observation) {
	decide := l.Level
	if decide == nil {
		decide = DefaultLevel
	}
	log := l.Logger
	if log == nil {
		log = slog.Default()
	}
	level, ok := decide(e)
	if !ok || !log.Enabled(context.Background(), level) {
		return
	}
	text, args := l.describe(e)
	for i, arg := range args { // some of it comes from clients
		switch arg := arg.(type) {
		case string:
			args[i] = boundlog.Text(arg)
		case error:
			args[i] = boundlog.Value(arg)
		}
	}
	if text != "" {
		log.Log(context.Background(), level, text, args...)
	}
}

// describe returns what is logged of an event; no text if nothing is.
func (l *ObservationLog) describe(e Observation) (text string, args []any) {
	switch e := e.(type) {
	case Connected:
		return outcome("connected", "refused", e.Err), []any{"path", e.Path, "transport", e.Transport, "version", e.Version,
			"remote", e.Request.RemoteAddr, "id", e.SocketID, "params", l.values(e.Request.Params), "took", e.Duration, "error", e.Err}
	case Disconnected:
		return "disconnected", []any{"path", e.Path, "transport", e.Transport, "id", e.SocketID, "code", e.Code, "reason", e.Reason, "error", e.Err}
	case Joined:
		if internal(e.Topic) {
			return "", nil
		}
		return outcome("joined", "join refused", e.Err), []any{"topic", e.Topic, "id", e.SocketID, "params", l.payload(e.Params), "took", e.Duration, "error", e.Err}
	case Handled:
		if internal(e.Topic) {
			return "", nil
		}
		return "handled", []any{"topic", e.Topic, "event", e.Event, "id", e.SocketID, "params", l.payload(e.Params),
			"status", e.Status, "took", e.Duration, "error", e.Err}
	case Ended:
		if internal(e.Topic) {
			return "", nil
		}
		return "channel ended", []any{"topic", e.Topic, "id", e.SocketID, "reason", e.Reason}
	case Lingering:
		if internal(e.Topic) {
			return "", nil
		}
		return "channel lingers", []any{"topic", e.Topic, "id", e.SocketID, "for", e.For}
	case Resumed:
		if internal(e.Topic) {
			return "", nil
		}
		text := "channel resumed"
		if e.Err != nil && !actor.IsClean(e.Err) {
			text = "resume refused"
		}
		return text, []any{"topic", e.Topic, "id", e.SocketID, "away", e.Away, "missed", e.Missed, "complete", e.Complete,
			"took", e.Duration, "error", e.Err}
	case Dropped:
		return "dropped", []any{"path", e.Path, "topic", e.Topic, "event", e.Event, "error", e.Err}
	case Drained:
		args = []any{"connections", e.Count, "of", e.Total, "batch", e.Index, "batches", e.Rounds, "interval", e.Interval}
		if e.Lingering > 0 {
			args = append(args, "lingering", e.Lingering)
		}
		return "draining", args
	}
	return "", nil
}

func outcome(good, bad string, err error) string {
	if err != nil {
		return bad
	}
	return good
}

func internal(topic string) bool { return strings.HasPrefix(topic, wire.TopicPhoenix) }

const filtered = "[FILTERED]"

// secret reports whether the value of a parameter is not to be seen.
func (l *ObservationLog) secret(name string) bool {
	filter := l.Filter
	if filter == nil {
		filter = []string{"password", "token"}
	}
	name = strings.ToLower(name)
	for _, part := range filter {
		if strings.Contains(name, strings.ToLower(part)) {
			return true
		}
	}
	return false
}

func (l *ObservationLog) values(params url.Values) url.Values {
	shown := make(url.Values, len(params))
	for name, v := range params {
		if l.secret(name) {
			v = []string{filtered}
		}
		for _, one := range v {
			shown.Add(boundlog.Text(name), boundlog.Text(one))
		}
	}
	return shown
}

// payloadShown is the size in bytes of the largest payload that is logged.
const payloadShown = 4096

// payload returns what is logged of a payload: its JSON, if it is not too large.
func (l *ObservationLog) payload(p Payload) any {
	data := p.Bytes()
	if p.IsBinary() || len(data) > payloadShown {
		return fmt.Sprintf("%d bytes", len(data))
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return err.Error()
	}
	return l.filtered(v)
}

// filtered hides what is secret in a decoded payload. It changes v.
func (l *ObservationLog) filtered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if l.secret(name) {
				v[name] = filtered
			} else {
				v[name] = l.filtered(value)
			}
		}
	case []any:
		for i, value := range v {
			v[i] = l.filtered(value)
		}
	}
	return v
}
