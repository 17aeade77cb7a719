// Package wire has the bytes of the Phoenix Channels protocol: both versions of it on the
// server's side, and the second on the client's. It is for serializers of your own, for
// clients and for tools; a channel's author needs package ws only.
//
// # The protocol in a page
//
// A client opens one connection and joins topics on it. All that travels is a [Message]:
//
//	join_ref  which join of the topic the message belongs to; none: a broadcast
//	ref       which message the reply is to; none: no reply is wanted, or it is no reply
//	topic     such as "room:lobby"
//	event     what has happened, such as "new_msg", or one of the protocol's own
//	payload   a JSON object, or bytes
//
// References are the client's: it counts up, and the server sends them back as they came.
// The ref of a join is the join_ref of all that belongs to it; by it both sides know a
// message that was meant for an earlier join of the same topic.
//
//	client                                            server
//	  phx_join, ref 1, join_ref 1, params      ─────►
//	                                           ◄─────  phx_reply, ref 1, join_ref 1, "ok" or "error"
//	  an event, ref 2, join_ref 1              ─────►
//	                                           ◄─────  phx_reply, ref 2, join_ref 1, a status
//	                                           ◄─────  an event pushed to this client, join_ref 1
//	                                           ◄─────  an event broadcast to all, without refs
//	  phx_leave, ref 3, join_ref 1             ─────►
//	                                           ◄─────  phx_reply, ref 3, and phx_close, ref 1
//	                                           ◄─────  phx_error, ref 1: the channel has crashed
//	  heartbeat on "phoenix", ref 4            ─────►
//	                                           ◄─────  phx_reply, ref 4
//
// A client whose channel closes stays out of it; one whose channel has an error joins again.
//
// Version 2 writes JSON as an array, in a text frame; a reply has its status and its
// response in the payload:
//
//	["1","2","room:lobby","new_msg",{"body":"hi"}]
//	["1","2","room:lobby","phx_reply",{"status":"ok","response":{}}]
//
// A payload of bytes goes in a binary frame: the kind, one byte for the length of each
// text, the texts, and the bytes.
//
//	from a client  0  join_ref, ref, topic, event    data
//	a push         0  join_ref, topic, event         data
//	a reply        1  join_ref, ref, topic, status   response
//	a broadcast    2  topic, event                   data
//
// Version 1 writes an object with the keys topic, event, ref and payload, and has no bytes.
//
// # Errors
//
// The errors of this package have no prefix: what calls a [Serializer] says which message
// its error is about.
//
// # Examples
//
// The examples are in example_test.go: both sides of the protocol, and a serializer of
// one's own.
package wire
