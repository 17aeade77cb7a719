//go:build !linux

package ws_test

// parked tells that this is a run in which connections park.
const parked = false
