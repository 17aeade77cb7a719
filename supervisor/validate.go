package supervisor

import (
	"fmt"
	"time"
)

// validate returns the first fault of a spec.
func (s Spec) validate() error {
	fault := func(field, problem string, args ...any) error {
		return &SpecError{Field: field, Problem: fmt.Sprintf(problem, args...)}
	}
	if s.Strategy > RestForOne {
		return fault("Strategy", "is unknown: %d", s.Strategy)
	}
	if s.AutoShutdown > AllSignificant {
		return fault("AutoShutdown", "is unknown: %d", s.AutoShutdown)
	}
	if err := validateIntensity(s.Intensity, s.Period); err != nil {
		return err
	}
	seen := make(map[string]bool, len(s.Children))
	for i, c := range s.Children {
		if c.ID == "" {
			return fault(fmt.Sprintf("Children[%d].ID", i), "is missing")
		}
		if seen[c.ID] {
			return &SpecError{c.ID, "ID", "is there twice"}
		}
		seen[c.ID] = true
		if err := c.validate(s.AutoShutdown); err != nil {
			return err
		}
	}
	return nil
}

func (s DynamicSpec) validate() error {
	if s.MaxChildren < 0 {
		return &SpecError{Field: "MaxChildren", Problem: fmt.Sprintf("is negative: %d", s.MaxChildren)}
	}
	return validateIntensity(s.Intensity, s.Period)
}

func validateIntensity(intensity int, period time.Duration) error {
	if intensity < 0 {
		return &SpecError{Field: "Intensity", Problem: fmt.Sprintf("is negative: %d", intensity)}
	}
	if period < 0 {
		return &SpecError{Field: "Period", Problem: fmt.Sprintf("is negative: %v", period)}
	}
	return nil
}

// validate returns the first fault of a child in a supervisor with the given setting. It
// does not look at the ID.
func (c Child) validate(auto AutoShutdown) error {
	fault := func(field, problem string, args ...any) error {
		return &SpecError{c.ID, field, fmt.Sprintf(problem, args...)}
	}
	switch {
	case c.Start == nil:
		return fault("Start", "is missing")
	case c.Restart > Temporary:
		return fault("Restart", "is unknown: %d", c.Restart)
	case c.Shutdown < BrutalKill:
		return fault("Shutdown", "is negative: %v", c.Shutdown)
	case c.Backoff.Min < 0:
		return fault("Backoff.Min", "is negative: %v", c.Backoff.Min)
	case c.Backoff.Max != 0 && c.Backoff.Max < c.Backoff.Min:
		return fault("Backoff.Max", "is less than Min: %v", c.Backoff.Max)
	case !(c.Backoff.Jitter >= 0 && c.Backoff.Jitter <= 1): // nor NaN
		return fault("Backoff.Jitter", "is not between 0 and 1: %v", c.Backoff.Jitter)
	case c.Type > TypeSupervisor:
		return fault("Type", "is unknown: %d", c.Type)
	case c.Significant && auto == never:
		return fault("Significant", "needs a supervisor with an AutoShutdown other than %v", never)
	case c.Significant && c.Restart == Permanent:
		return fault("Significant", "needs a Restart other than %v", Permanent)
	}
	return nil
}

// withDefaults fills in what was left to the default.
func (c Child) withDefaults() Child {
	if c.Shutdown == 0 {
		c.Shutdown = defaultShutdown
		if c.Type == TypeSupervisor {
			c.Shutdown = Infinity
		}
	}
	c.Backoff = c.Backoff.withDefaults()
	return c
}
