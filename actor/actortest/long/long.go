// Package long says how far tests go that could go on for ever: models, chaos, races. An
// ordinary run is for people who wait for it; with TROUPE_LONG=1 in the environment, as in
// the gate, the same tests go on for longer. [Race] is for those that the race detector would
// falsify. Only tests import it.
package long

import (
	"os"
	"strconv"
)

// Rounds is how many rounds a test goes, or messages, steps or seeds: ordinary, or many with
// TROUPE_LONG=1. It panics if TROUPE_LONG is not a boolean as [strconv.ParseBool] reads it.
//
// Call it in a test, not where a package's variables are initialized: go test would not see
// what the outcome depends on, and repeat the one that it has kept.
func Rounds(ordinary, many int) int {
	value := os.Getenv("TROUPE_LONG")
	if value == "" {
		return ordinary
	}
	long, err := strconv.ParseBool(value)
	if err != nil {
		panic("TROUPE_LONG: " + err.Error())
	}
	if long {
		return many
	}
	return ordinary
}
