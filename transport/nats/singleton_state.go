package nats

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// legacy is how state goes from one holder of a name to the next, by a record in the bucket.
//
// A holder replaces the record with its own before its actor begins, and remembers the
// revision. It gives its state by replacing that revision, and no other. So
//
//   - the state in the record is that of the last one that has begun, and the next one takes
//     it out: it is never that of an older tenure, and never taken twice;
//   - a state that comes late, when another one has begun or the bucket was lost, is refused.
type legacy struct {
	*leases
	key    string
	tenure *Tenure

	state    []byte // what stood in the record when it was replaced; nil: no state
	codec    string // the name of the state's, or of the one that is to be given; "" if it has none
	revision uint64 // of the record, if it is this holder's; 0: not known to be
}

// record is what stands in the bucket.
type record struct {
	Token uint64 `json:"token"` // of the tenure that wrote it
	State []byte `json:"state"` // nil: none
	Codec string `json:"codec,omitempty"`
}

// stateKey returns where the state of a name stands: not where a watch of names looks.
func stateKey(name string) string {
	return "state." + base64.RawURLEncoding.EncodeToString([]byte("n"+name))
}

func newLegacy(l *leases, name string, t *Tenure) *legacy {
	return &legacy{leases: l, key: stateKey(name), tenure: t}
}

// errOutrun says that a later tenure has begun.
var errOutrun = fmt.Errorf("a later tenure has begun: %w", ErrLost)

// take replaces the record. It can be tried again after an error.
func (r *legacy) take(ctx context.Context) error {
	for {
		e, err := r.get(ctx, r.key)
		if err != nil {
			return err
		}
		var was record
		if e.value != nil && json.Unmarshal(e.value, &was) != nil {
			was = record{} // it is nobody's
		}
		switch token := r.tenure.Token(); {
		case was.Token > token:
			return errOutrun
		case was.Token == token: // its answer was lost
			r.revision = e.revision
			return nil
		}
		r.state, r.codec = was.State, was.Codec
		r.revision, err = r.write(ctx, record{Token: r.tenure.Token()}, e.revision)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
}

func (r *legacy) write(ctx context.Context, to record, after uint64) (uint64, error) {
	value, err := json.Marshal(to)
	if err != nil {
		return 0, err
	}
	return r.put(ctx, r.key, value, after, 0)
}

// give hands the state to the next one that begins. No other goroutine uses r.
func (r *legacy) give(ctx context.Context, state []byte) error {
	to := record{r.tenure.Token(), state, r.codec} // take may find another codec
	if r.revision != 0 {
		_, err := r.write(ctx, to, r.revision)
		if !errors.Is(err, errMoved) && !errors.Is(err, errNoBucket) {
			return err
		}
	}
	// The bucket was lost since. If this tenure is valid when its record stands in the new one,
	// nobody has begun meanwhile, or begins without replacing it.
	if _, err := r.tend(ctx); err != nil {
		return err
	}
	if err := r.take(ctx); err != nil {
		return err
	}
	if !r.tenure.Valid() {
		return ErrLost
	}
	_, err := r.write(ctx, to, r.revision)
	return err
}
