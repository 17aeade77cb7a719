//go:build !race

package statem_test

const raceEnabled = false
