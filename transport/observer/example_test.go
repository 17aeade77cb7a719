package observer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws"
)

// The two lines: a child, first among them, and a handler.
func ExampleObserver_Child() {
	o := observer.New(observer.Config{Authorize: observer.Local(observer.Act)}) // on the developer's own machine
	mux := http.NewServeMux()
	mux.Handle("/observer/", o)

	sys := actor.NewSystem(actor.Config{})
	defer func() { _ = sys.Shutdown(context.Background()) }()
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{o.Child()}}); err != nil {
		panic(err)
	}
	web := httptest.NewServer(mux) // in a program: supervisor.Server, the last of the children
	defer web.Close()
	answer, err := http.Get(web.URL + "/observer/")
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	// Output: 200 OK
}

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
