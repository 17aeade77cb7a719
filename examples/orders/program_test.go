package main

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestOrdersDoNotOutliveTheirFailure(t *testing.T) {
	transport := &http.Transport{DisableKeepAlives: true}
	var at string
	killing.EachChild(t, func(addr string) supervisor.Program {
		at = addr
		return program(addr, newShop(new(Store), flaky{}))
	}, func(ctx context.Context, _ *wsclient.Client) error {
		post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at+"/orders", nil)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(post)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", answer.StatusCode)
		}
		return nil
	})
}
