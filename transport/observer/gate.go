package observer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// gate decides who is let in.
type gate struct {
	authorize func(*http.Request) (Grant, error)
	calls     foreign.Calls
}

// authorizeLimit is how long one call of Authorize may take, and maxHanging how many may hang
// before it is called no more.
const (
	authorizeLimit = 5 * time.Second
	maxHanging     = 16
)

func newGate(authorize func(*http.Request) (Grant, error)) gate {
	return gate{authorize, foreign.Calls{Limit: authorizeLimit, Most: maxHanging}}
}

// errNoRight says that Authorize has let somebody in, but to nothing.
var errNoRight = errors.New("the grant has no rights")

// check returns what a request may do: to look, at least, if the error is nil. Whatever
// goes wrong refuses it.
func (g *gate) check(r *http.Request) (Grant, error) {
	grant, err := g.ask(r)
	switch {
	case err != nil:
		return Grant{}, err
	case grant.Rights == None:
		return Grant{}, errNoRight
	case grant.Rights > Act:
		return Grant{}, fmt.Errorf("the grant has rights %d, which there are not", grant.Rights)
	case grant.over(time.Now()):
		return Grant{}, errors.New("the grant has expired")
	}
	return grant, nil
}

// ask calls Authorize, which is not trusted to return.
func (g *gate) ask(r *http.Request) (Grant, error) {
	grant, err := foreign.Value(r.Context(), &g.calls, func(ctx context.Context) (Grant, error) {
		return g.authorize(r.WithContext(ctx))
	})
	if err == foreign.ErrLate || err == foreign.ErrStuck {
		err = fmt.Errorf("no answer of Authorize: %w", err)
	}
	grant.Who = text.Line(grant.Who)
	return grant, err
}

// over reports whether the grant has expired.
func (g Grant) over(now time.Time) bool { return !g.Expires.IsZero() && !now.Before(g.Expires) }

// localOnlyError refuses a request that is not known to come from this machine. The client
// may read it: it is the developer that has put a program behind a proxy.
type localOnlyError struct{ why error }

func (e *localOnlyError) Error() string {
	return "the observer answers requests from this machine only, unless its Config has another Authorize, and of this one " +
		"that is not certain: " + e.why.Error()
}
