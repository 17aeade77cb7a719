package observer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws"
)

func ExampleNew() {
	sys := actor.NewSystem(actor.Config{})
	defer func() { _ = sys.Shutdown(context.Background()) }()
	o, err := observer.Start(sys, observer.Config{Authorize: func(r *http.Request) (observer.Grant, error) {
		if name, password, ok := r.BasicAuth(); ok && password == "secret" {
			return observer.Grant{Rights: observer.Act, Who: name}, nil
		}
		return observer.Grant{}, &ws.StatusError{Status: 401, Header: http.Header{"Www-Authenticate": {"Basic"}}}
	}})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/observer/", o)

	r := httptest.NewRequest(http.MethodGet, "/observer/", nil)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	r.SetBasicAuth("ann", "secret")
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// 401
	// 200
}
