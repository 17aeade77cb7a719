package supervisor

import (
	"fmt"
	"time"
)

// Spec describes a supervisor. The zero Spec is one without children.
//
// OTP: supervisor:init/1.
type Spec struct {
	Strategy Strategy

	// At most Intensity rounds of restarts are allowed within any Period; the next one
	// ends the supervisor. If Period is 0 it is 5 s, and an Intensity of 0 is then 1. If
	// Period is given, Intensity is taken as it is: {Intensity: 0, Period: time.Second}
	// allows no restart at all.
	Intensity int
	Period    time.Duration

	AutoShutdown AutoShutdown

	// OnRestart, if not nil, is called after each restart of a child, see [Restarted].
	OnRestart func(Restarted)

	// Children are started in this order and stopped in reverse.
	Children []Child
}

// Defaults of a [Spec] and a [DynamicSpec].
const (
	defaultIntensity = 1
	defaultPeriod    = 5 * time.Second
)

// name returns the i-th name, or a placeholder for a value without one.
func name[T ~uint8](i T, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%T(%d)", i, uint8(i))
}
