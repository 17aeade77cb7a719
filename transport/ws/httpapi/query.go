package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// How many keys or messages an answer has, if the request does not say, and at most.
const (
	some = 100
	most = 1000
)

// query returns the parameters of a request, which are these, each once at most.
func (c *call) query(names ...string) (url.Values, error) {
	q, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return nil, invalid("invalid_request", "the query cannot be read")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(names, name):
			return nil, invalid("invalid_request", fmt.Sprintf("there is no parameter %.100q", name))
		case len(values) > 1:
			return nil, invalid("invalid_request", fmt.Sprintf("there is more than one %s", name))
		}
	}
	return q, nil
}

// limitOf returns how many there are to be in the answer.
func limitOf(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return some, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, invalid("invalid_request", fmt.Sprintf("limit is a number from 1 to %d", most))
	}
	return n, nil
}
