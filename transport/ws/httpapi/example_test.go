package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
)

type Orders struct{}

func (Orders) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// The service that sends the bills, in whatever language, tells the clients of an order. Its
// token gives it no other right.
func ExampleNew() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{ws.Topic("order:*", func() Orders { return Orders{} }, nil)},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := token.Keys{Current: token.NewKey("32 random bytes, from a vault…")}
	api, err := httpapi.New(httpapi.Config{
		Endpoint: endpoint,
		Tokens:   token.Signed[httpapi.Grant]{Keys: keys, Purpose: "http api"},
		Logger:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", api))
	server := httptest.NewServer(mux)
	defer server.Close()

	billing, err := keys.Sign("http api", httpapi.Grant{Who: "billing", Publish: []string{"order:*"}}, time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, request := range []struct{ act, body string }{
		{"publish", `{"topic": "order:17", "event": "paid", "payload": {"cents": 1990}}`},
		{"publish", `{"topic": "orders", "event": "paid"}`},
		{"disconnect", `{"id": "user:17"}`},
	} {
		r, err := http.NewRequest("POST", server.URL+"/api/"+request.act, strings.NewReader(request.body))
		if err != nil {
			fmt.Println(err)
			return
		}
		r.Header.Set("Authorization", "Bearer "+billing)
		r.Header.Set("Content-Type", "application/json")
		answer, err := server.Client().Do(r)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		fmt.Print(answer.StatusCode, " ", string(body))
	}
	// Output:
	// 200 {}
	// 403 {"error":{"code":"forbidden","message":"the token does not give the right to do this to this topic"}}
	// 403 {"error":{"code":"forbidden","message":"the token does not give the right to disconnect this ID"}}
}
