//go:build !race

package long

// Race reports whether the race detector is on: it takes time and memory of its own, and
// allocates.
const Race = false
