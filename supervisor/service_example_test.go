package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// A service that fails is run anew, until it has done its work.
func ExampleService() {
	sys := quietSystem()
	defer sys.Shutdown(context.Background())

	attempt, done := 0, make(chan struct{})
	importer := func(ctx context.Context) error {
		attempt++
		fmt.Println("attempt", attempt)
		if attempt < 3 {
			return errors.New("database is not there yet")
		}
		close(done)
		return nil
	}
	_, err := supervisor.Start(sys, supervisor.Spec{
		Intensity: 5, Period: time.Minute,
		Children: []supervisor.Child{supervisor.Service("importer", importer, supervisor.Transient)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
}
