// Package frame reads and writes the frames of the server's side of a WebSocket, by RFC
// 6455, and RFC 7692 for messages that are compressed without context takeover. It knows
// nothing of connections.
//
// A [Reader] is fed with the bytes that a client sends, as they come, and does nothing but
// look at them. It holds no goroutine, no timer, no buffer of the connection's and, between
// two frames of which the first has ended a message, no memory.
//
// [Seal] and [Deflate] make the frame of a message once, for all clients that it goes to.
package frame
