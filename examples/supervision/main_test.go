package main

import (
	"bytes"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoryIsAsTheGuideTellsIt(t *testing.T) {
	const want = `one_for_one: start
  + database
  + cache
  + api
one_for_one: cache crashes
  - cache: connection lost
  + cache
one_for_one: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
one_for_all: start
  + database
  + cache
  + api
one_for_all: cache crashes
  - cache: connection lost
  - api: shutdown
  - database: shutdown
  + database
  + cache
  + api
one_for_all: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
rest_for_one: start
  + database
  + cache
  + api
rest_for_one: cache crashes
  - cache: connection lost
  - api: shutdown
  + cache
  + api
rest_for_one: stop
  - api: shutdown
  - cache: shutdown
  - database: shutdown
too many restarts: start
  + database
  + cache
  + api
too many restarts: cache crashes
  - cache: connection lost
  + cache
too many restarts: cache crashes again
  - cache: connection lost
  - api: shutdown
  - database: shutdown
too many restarts: the supervisor has ended: child "cache": more than 1 restart in 1h0m0s: connection lost
`
	var got bytes.Buffer
	if err := run(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("the story is\n%s\nwant\n%s", got.String(), want)
	}
}
