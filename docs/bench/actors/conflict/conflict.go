// Package conflict lets Hollywood and Proto.Actor live in one program. Both
// register a protocol buffer of the name actor.PID, and the second would panic
// when the program starts. Neither sends any here.
//
// Go initialises packages in the order of their import paths, as soon as what they
// import is there. This one imports os only, and comes before google.golang.org,
// so its variable is set before protocol buffers are registered.
package conflict

import "os"

func init() { os.Setenv("GOLANG_PROTOBUF_REGISTRATION_CONFLICT", "ignore") }
