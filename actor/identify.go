package actor

import "log/slog"

// identify returns what a log says of an actor, under the given key for its PID: that,
// and its name and label if it has them. A [Labeler] is asked, and may take its time.
func identify(key string, pid PID) []slog.Attr {
	return called(key, pid, pid.Label())
}

// called is identify with a label.
func called(key string, pid PID, label string) []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 10), slog.Any(key, pid))
	if name := pid.Name(); name != "" {
		attrs = append(attrs, slog.String("name", name))
	}
	if label != "" {
		attrs = append(attrs, slog.String("label", label))
	}
	return attrs
}
