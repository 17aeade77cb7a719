//go:build !linux

package channels

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/examples/bench/report"
)

type target struct{}

var errLinux = errors.New("the channels suite runs on Linux only: it needs epoll and /proc")

func external(string, int) (*target, error) { return nil, errLinux }

func (plan) run(context.Context) ([]report.Row, error) { return nil, errLinux }
