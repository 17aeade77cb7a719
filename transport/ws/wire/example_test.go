package wire_test

import (
	"fmt"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A client writes what it sends, and reads what comes.
func ExampleClient() {
	join := wire.Message{JoinRef: wire.Ref("1"), Ref: wire.Ref("1"), Topic: "room:lobby", Event: wire.EventJoin}
	text, _, err := wire.Client{}.Append(nil, join)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", text)

	got, err := wire.Client{}.Decode([]byte(`["1","1","room:lobby","phx_reply",{"status":"ok","response":{"users":3}}]`), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(got.Event, wire.RefText(got.Ref), got.Status, got.Payload)
	// Output:
	// ["1","1","room:lobby","phx_join",{}]
	// phx_reply 1 ok {"users":3}
}

// What a server makes of a client's message, and of the reply to it.
func ExampleV2() {
	m, err := wire.V2{}.Decode([]byte(`["1","2","room:lobby","new_msg",{"body":"hi"}]`), false)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Topic, m.Event, m.Payload)

	m.Payload, _ = wire.JSON(map[string]int{"id": 17})
	reply, _, err := wire.V2{}.AppendReply(nil, m, wire.StatusOK)
	fmt.Printf("%s %v\n", reply, err)
	// Output:
	// room:lobby new_msg {"body":"hi"}
	// ["1","2","room:lobby","phx_reply",{"status":"ok","response":{"id":17}}] <nil>
}

// shouting is version 2 for clients that want all topics in capitals.
type shouting struct{ wire.V2 }

func (shouting) Version() string { return "2.9.0" }

func (s shouting) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	m.Topic = "ROOM"
	return s.V2.Append(buf, m)
}

// A serializer of one's own can stand on one that is there.
func ExampleSerializer() {
	var s wire.Serializer = shouting{}
	text, _, err := s.Append(nil, wire.Message{Topic: "room", Event: "new_msg"})
	fmt.Printf("%s %s %v\n", s.Version(), text, err)
	// Output: 2.9.0 [null,null,"ROOM","new_msg",{}] <nil>
}
