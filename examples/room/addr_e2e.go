//go:build e2e

package main

import "os"

// The program takes no arguments, to be short; the end-to-end tests tell it in the environment
// where nothing listens.
func init() { addr = os.Getenv("ROOM_ADDR") }
