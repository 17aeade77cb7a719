//go:build !linux

package netconn

const canPark = false
