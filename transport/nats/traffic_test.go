package nats

import (
	"log/slog"
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

var _ pubsub.Reporter = (*Adapter)(nil)

// What is lost, malformed and waiting can be seen, and loss is told; a function that is told
// and fails costs nothing.
func TestLossIsCountedAndTold(t *testing.T) {
	s := startServer(t)
	for name, fault := range map[string]func(){"sound": func() {}, "panic": func() { panic("lost") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			told := make(chan uint64, 1)
			a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: prefix(), QueueLimit: 2, Logger: slog.New(slog.DiscardHandler)}
			a.Lost = func(n uint64) {
				told <- n
				fault()
			}
			if got := a.Traffic(); got != (pubsub.Traffic{}) {
				t.Errorf("before Join: %+v", got)
			}
			began, release := make(chan struct{}, 10), make(chan struct{})
			join(t, a, func(string, []byte) {
				began <- struct{}{}
				<-release
			})
			defer close(release)
			conn := connect(t, s)
			publish := func(data []byte) {
				if err := conn.Publish(subjectOf(a, "b", "t"), data); err != nil {
					t.Fatal(err)
				}
			}
			publish([]byte{200})
			data := frame{incarnation: 1, topic: "t", data: []byte("x")}.append(nil)
			publish(data)
			await(t, began)
			for range 3 { // the third has no room
				publish(data)
			}
			if n := await(t, told); n != 1 {
				t.Errorf("told of %d messages, want 1", n)
			}
			got := a.Traffic()
			if got.Lag <= 0 {
				t.Errorf("lag %v", got.Lag)
			}
			got.Lag = 0
			size := packet{topic: "t", peer: "b", data: []byte("x")}.size()
			if want := (pubsub.Traffic{Lost: 1, Malformed: 1, Waiting: 2, WaitingBytes: 3 * size}); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}
