//go:build race

package statem_test

const raceEnabled = true
