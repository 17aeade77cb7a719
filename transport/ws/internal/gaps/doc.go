// Package gaps merges the gaps that an actor is to be told of while it is busy.
package gaps
