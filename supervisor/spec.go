package supervisor

import (
	"fmt"
	"time"
)

// Spec describes a supervisor. The zero Spec is one without children.
type Spec struct {
	Strategy Strategy

	// At most Intensity restarts are allowed within any Period; the next one ends
	// the supervisor. If Period is 0 it is 5 s, and an Intensity of 0 is then 1:
	// OTP's defaults. If Period is given, Intensity means what it says, so
	// {Intensity: 0, Period: time.Second} allows no restart at all.
	Intensity int
	Period    time.Duration

	AutoShutdown AutoShutdown

	// OnRestart, if not nil, is called after each restart of a child.
	OnRestart func(Restarted)

	// Children are started in this order and stopped in reverse.
	Children []Child
}

// Defaults of a [Spec] and a [DynamicSpec].
const (
	defaultIntensity = 1
	defaultPeriod    = 5 * time.Second
)

// Strategy says who is restarted when a child has to be.
type Strategy uint8

const (
	// OneForOne restarts that child only.
	OneForOne Strategy = iota
	// OneForAll stops all other children, and starts all of them again.
	OneForAll
	// RestForOne stops the children that come after it in start order, and starts
	// it and them again.
	RestForOne
)

// String returns OTP's name of the strategy.
func (s Strategy) String() string {
	return name(s, "one_for_one", "one_for_all", "rest_for_one")
}

// AutoShutdown says whether a supervisor ends when its significant children have.
// Only children that end by themselves and are not restarted count, not those
// that were stopped by a request or with a sibling. The supervisor's reason is
// [actor.Shutdown], so its own supervisor should not hold it as Permanent.
type AutoShutdown uint8

const (
	never AutoShutdown = iota // the default: go on without them
	// AnySignificant ends with the first significant child.
	AnySignificant
	// AllSignificant ends with the last significant child.
	AllSignificant
)

// String returns OTP's name of the setting.
func (a AutoShutdown) String() string {
	return name(a, "never", "any_significant", "all_significant")
}

// name returns the i-th name, or a placeholder for a value without one.
func name[T ~uint8](i T, names ...string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%T(%d)", i, uint8(i))
}
