package ws_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// account is what a token says.
type account struct {
	ID        string
	TokenEnds time.Time
}

// accountOf stands for what verifies a token: here it is good for a moment.
func accountOf(token string) (account, error) {
	return account{"ann", time.Now().Add(50 * time.Millisecond)}, nil
}

// connectAccount lets a client in until its token ends.
func connectAccount(r *ws.Request) (ws.Identity, error) {
	user, err := accountOf(r.AuthToken)
	if err != nil {
		return ws.Identity{}, err
	}
	return ws.Identity{ID: "user:" + user.ID, Assigns: user, Expires: user.TokenEnds}, nil
}

// The connection is closed when the token ends, and the client comes back with a new one.
func ExampleIdentity() {
	_, address, stop := listen(ws.Socket{
		Path: "/socket", Connect: connectAccount,
		Channels: ws.Routes{ws.Topic("stock", newStock, stockEvents)},
	})
	defer stop()
	tokens, connected := 0, make(chan struct{}, 100)
	client, err := wsclient.Dial(context.Background(), wsclient.Config{
		URL: address + "/socket",
		AuthToken: func(context.Context) (string, error) {
			tokens++
			return fmt.Sprint("token ", tokens), nil
		},
		OnConnect: func() { connected <- struct{}{} },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(context.Background())
	for range 3 {
		<-connected
	}
	fmt.Println("connected for the third time")
	// Output: connected for the third time
}
