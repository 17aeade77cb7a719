package nats

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// again has what was put once be put a second time, as a copy of it does that was held up on its way.
func (s *simServer) again(t *testing.T, key string, value []byte) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.put(key, value, 0, 0); err != nil {
		t.Fatal(err)
	}
}

func (s *simServer) record() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at(epochKey).value
}

// GLB-2: the record of an epoch comes a second time, when NATS was restarted since, as a bucket that
// has nothing but that. This is no epoch that was waited for: a holder that is cut off may be at work.
func TestRecordThatComesAgainIsOfNoEpoch(t *testing.T) {
	const lease = 10 * time.Second
	for name, test := range map[string]struct {
		lose    int           // how the bucket is lost before the epoch begins; less than 0: it is the first
		after   time.Duration // from its beginning until it is lost
		again   int           // how it is lost then
		written bool          // the record was written anew meanwhile, for a node with a longer lease
	}{
		"when it was open":                        {lose: -1, after: 2 * lease, again: 1},
		"when it was open, in a bucket made anew": {lose: -1, after: 2 * lease, again: 0},
		"before it was open":                      {lose: 0, after: lease - lease/10, again: 1},
		"before it was open, written anew":        {lose: 0, after: lease - lease/10, again: 1, written: true},
	} {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
				a, b, longer := nodes[0], nodes[1], nodes[2]
				longer.set(&longer.cut, time.Hour)
				if _, err := a.leases.tend(t.Context()); err != nil {
					t.Fatal(err)
				}
				first := a.tenure(t, "x")
				record := fmt.Appendf(nil, `{"id":%q,"floor":%d,"longest":%d,"open":false}`,
					a.leases.seen().ID, a.leases.seen().Floor, lease)
				b.tenure(t, "y")
				if test.lose >= 0 {
					s.lose(test.lose)
					for len(s.record()) == 0 {
						time.Sleep(lease / 100)
					}
					record = s.record()
				}
				if test.written {
					longer.heal()
				}
				time.Sleep(test.after)
				if !first.Valid() {
					t.Fatalf("the holder has lost its name before: %v", first.Err())
				}
				a.set(&a.cut, time.Hour)
				s.lose(test.again)
				if test.again == 0 {
					s.make(uint64(time.Now().UnixNano()))
				}
				s.again(t, epochKey, record)
				next := b.tenure(t, "x")
				if first.Valid() {
					t.Error("two hold the name")
				}
				if next.Token() <= first.Token() {
					t.Errorf("token %d after %d", next.Token(), first.Token())
				}
			}, lease, lease, lease+lease/5)
		})
	}
}

// An epoch that has been does not come back, with tokens that were given.
func TestRecordOfAFormerEpochIsOfNone(t *testing.T) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		if _, err := a.leases.tend(t.Context()); err != nil {
			t.Fatal(err)
		}
		record := s.record()
		for i := range 5 {
			a.tenure(t, fmt.Sprint(i))
		}
		first := a.tenure(t, "x")
		a.kill()
		s.lose(1)
		time.Sleep(2 * time.Second) // for the next one, where b grants nothing
		s.lose(1)
		s.again(t, epochKey, record)
		if next := b.tenure(t, "x"); next.Token() <= first.Token() {
			t.Errorf("token %d after %d", next.Token(), first.Token())
		}
	}, time.Second, time.Second)
}

// An intent to begin an epoch comes when that has been, and was lost with the bucket, which was made
// again as it was: below the names that it had, nothing begins.
func TestIntentThatComesLateIsNotShared(t *testing.T) {
	simulated(t, func(t *testing.T, s *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		s.make(1)
		var intent []byte
		s.meddle = func(n *simNode, what string) meddling {
			if what == "raise" && intent == nil {
				intent = s.record()
			}
			return meddling{}
		}
		for i := range 5 {
			a.tenure(t, fmt.Sprint(i))
		}
		first := a.tenure(t, "x")
		if intent == nil {
			t.Fatal("there was no intent")
		}
		a.kill()
		s.lose(1)
		s.again(t, epochKey, intent)
		if next := b.tenure(t, "x"); next.Token() <= first.Token() {
			t.Errorf("token %d after %d", next.Token(), first.Token())
		}
	}, time.Second, time.Second)
}

// What an intent says of a bucket is done in that one only.
func TestOnlyTheBucketOfAnIntentIsPurged(t *testing.T) {
	js, err := jetstream.New(connect(t, startServer(t)))
	if err != nil {
		t.Fatal(err)
	}
	b := newKVBucket(js, "bucket", 1)
	made := func(first uint64) (born int64) {
		t.Helper()
		if _, err := b.make(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if born, err = b.born(t.Context()); err != nil {
			t.Fatal(err)
		}
		return born
	}
	before := made(10)
	if err := js.DeleteStream(t.Context(), "KV_bucket"); err != nil {
		t.Fatal(err)
	}
	now := made(20)
	if revision, err := b.put(t.Context(), epochKey, []byte("record"), 0, 0); err != nil || revision != 20 {
		t.Fatal(revision, err)
	}
	if err := b.raise(t.Context(), 100, before); !errors.Is(err, errMoved) {
		t.Errorf("in another bucket: %v, want errMoved", err)
	}
	if e, err := b.get(t.Context(), epochKey); err != nil || e.revision != 20 || e.stored.IsZero() {
		t.Errorf("the record: %+v, %v", e, err)
	}
	if err := b.raise(t.Context(), 100, now); err != nil {
		t.Error(err)
	}
	if e, err := b.get(t.Context(), epochKey); err != nil || e.value != nil {
		t.Errorf("the record stands in the bucket that was purged: %+v, %v", e, err)
	}
}
