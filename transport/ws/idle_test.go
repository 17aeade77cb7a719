package ws_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// CONN-8: whatever comes in keeps a connection, also pings alone.
func TestPingsKeepAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, rooms(nil))
		c := s.connect(t)
		lost := c.conn.CloseRead(context.Background())
		for range 5 {
			time.Sleep(50 * time.Second)
			if err := c.conn.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		last := time.Now()
		<-lost.Done()
		if idle := time.Since(last); idle < 60*time.Second || idle > 61*time.Second {
			t.Errorf("closed %v after the last ping, want 60 s", idle)
		}
	})
}
