package historytest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/transport/ws/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStoreInMemoryIsAStore(t *testing.T) {
	Run(t, func(*testing.T) Backend {
		s := &Store{Keep: Size}
		return Backend{Open: func(*testing.T) history.Store { return s }, Lose: func(*testing.T) { s.Forget() }}
	})
}
