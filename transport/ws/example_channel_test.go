package ws_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// Stock is a channel that shows prices.
type Stock struct{}

func newStock() *Stock { return new(Stock) }

var stockEvents = ws.Events[*Stock]{"quote": ws.On((*Stock).Quote)}

// Join cannot push: the client is not in yet. What Continue is given runs when the join
// has been answered.
func (*Stock) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	c.Continue(func(c *ws.Channel) error {
		return c.Push("prices", map[string]float64{"tea": 2.5})
	})
	return nil, nil
}

type QuoteOf struct {
	Good string `json:"good"`
}

// Quote takes a while, so it does not wait for the answer: the channel handles other
// messages meanwhile. A goroutine replies when it is there.
func (*Stock) Quote(c *ws.Channel, of QuoteOf) (ws.Reply, error) {
	ref, err := c.ReplyRef()
	if err != nil {
		return ws.NoReply, err
	}
	ctx := c.Context() // ends with the channel
	go func() {
		price, err := askTheExchange(ctx, of.Good)
		if err != nil {
			ref.Reply(ws.Error(ws.Reason("no quote")))
			return
		}
		ref.Reply(ws.OK(map[string]float64{"price": price}))
	}()
	return ws.NoReply, nil
}

func askTheExchange(ctx context.Context, good string) (float64, error) {
	select {
	case <-time.After(time.Millisecond):
		return 2.5, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func ExampleChannel_Continue() {
	_, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("stock", newStock, stockEvents)},
	})
	defer stop()
	_, heard, leave := join(address, "stock", "prices")
	defer leave()
	<-heard
	// Output: prices {"tea":2.5}
}

func ExampleChannel_ReplyRef() {
	_, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("stock", newStock, stockEvents)},
	})
	defer stop()
	stock, _, leave := join(address, "stock")
	defer leave()

	reply, err := stock.Push(context.Background(), "quote", QuoteOf{"tea"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply)
	// Output: {"price":2.5}
}
