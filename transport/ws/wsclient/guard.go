package wsclient

import (
	"context"
	"errors"
	"fmt"
)

// errGoexit stands for a function that called runtime.Goexit.
var errGoexit = errors.New("it called runtime.Goexit")

// guard calls a function of the user's and returns its error, or one that says that it
// panicked, called runtime.Goexit, or did not return before ctx was done: then it goes
// on alone. So it costs no more than what it was called for.
func guard(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
			result <- err
		}()
		err = f()
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
