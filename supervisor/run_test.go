package supervisor_test

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// watchedContext tells when somebody waits for it.
type watchedContext struct {
	context.Context
	once    sync.Once
	watched chan struct{}
}

func (c *watchedContext) Done() <-chan struct{} {
	c.once.Do(func() { close(c.watched) })
	return c.Context.Done()
}

func TestRunHearsARealSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send itself a signal")
	}
	// Whatever goes wrong, the signal must not end the test.
	safety := make(chan os.Signal, 1)
	signal.Notify(safety, syscall.SIGTERM)
	defer signal.Stop(safety)

	sys := newSystem(t)
	top, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{supervisor.Service("a", untilDone)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := &watchedContext{Context: context.Background(), watched: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- supervisor.Run(ctx, sys, time.Minute, top.PID()) }()
	<-ctx.watched // Run listens to signals by then

	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := sys.Count(); n != 0 {
		t.Errorf("%d actors are left", n)
	}
}
