//go:build !linux

package channels

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/docs/bench/report"
)

type target struct{}

var errLinux = fmt.Errorf("the channels suite runs on Linux only: it needs epoll and /proc: %w", errors.ErrUnsupported)

func external(string, int) (*target, error) { return nil, errLinux }

func onePass(context.Context, string, int) ([]report.Sample, error) { return nil, errLinux }

func (plan) run(context.Context) ([]report.Row, error) { return nil, errLinux }
