package query

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/actor"
)

// serial returns the number in a PID, 0 for nobody. A history knows actors by that: a PID would
// keep what is left of an actor in memory.
func serial(pid actor.PID) uint64 {
	if pid.IsZero() {
		return 0
	}
	text := pid.String()
	n, _ := strconv.ParseUint(text[strings.LastIndexByte(text, '.')+1:len(text)-1], 10, 64) // always a number
	return n
}

// origin is what the PIDs of one system begin with, up to the number.
type origin string

// originOf returns that of a PID that is not zero.
func originOf(pid actor.PID) origin {
	text := pid.String()
	return origin(text[:strings.LastIndexByte(text, '.')+1])
}

// pidText returns the text of the PID with that number, "" for nobody.
func (o origin) pidText(serial uint64) string {
	if serial == 0 {
		return ""
	}
	return string(o) + strconv.FormatUint(serial, 10) + ">"
}

// serial returns the number in the text of a PID, and reports whether it is one of this system.
func (o origin) serial(text string) (uint64, bool) {
	number, ok := strings.CutPrefix(text, string(o))
	if !ok {
		return 0, false
	}
	if number, ok = strings.CutSuffix(number, ">"); !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(number, 10, 64)
	return n, err == nil
}
