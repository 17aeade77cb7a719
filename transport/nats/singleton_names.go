package nats

//lint:file-ignore U1000 namesOffice is an office, which staticcheck does not see of generic types

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// office is what a [Singleton] needs of the names of its node.
type office[M any] interface {
	// register gives the name to the actor, as Names.Register does.
	register(ctx context.Context, name string, ref actor.Ref[M]) (*Tenure, error)

	// await waits until the name may be free.
	await(ctx context.Context, name string) error

	// common returns what does not depend on the type of messages.
	common() *leases
}

// office returns that of NATS.
func (s Singleton[M, S]) office() (office[M], error) {
	if s.Names == nil {
		return nil, errors.New("the field Names is nil")
	}
	return namesOffice[M]{s.Names}, nil
}

type namesOffice[M any] struct{ names *Names[M] }

func (o namesOffice[M]) register(ctx context.Context, name string, ref actor.Ref[M]) (*Tenure, error) {
	return o.names.Register(ctx, name, ref)
}

func (o namesOffice[M]) common() *leases { return o.names.leases }

// await watches the holder. What a monitor may miss, as its bucket's loss, is not missed for
// longer than a lease: then the name is asked for anew.
func (o namesOffice[M]) await(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, o.common().term)
	defer cancel()
	holder, err := o.names.Lookup(ctx, name)
	if errors.Is(err, actor.NoProc) {
		return nil
	}
	if err != nil {
		return err
	}
	down := make(chan error, 1)
	stop, err := holder.Monitor(ctx, func(reason error) { down <- reason })
	if err != nil {
		return fmt.Errorf("await the end of %v: %w", holder, err)
	}
	defer stop()
	select {
	case <-down:
	case <-ctx.Done():
	}
	return nil
}
