package historytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// Size is how many messages of each topic a store under test keeps at most.
const Size = 20

// Backend is what stores keep their logs in: those that it opens have the same.
type Backend struct {
	// Open returns a store, as another node would.
	Open func(t *testing.T) history.Store
	// Lose has the backend lose all that it has; nil if it cannot.
	Lose func(t *testing.T)
}

// Run tests that a store does what [history.Store] says. newBackend returns one that has
// nothing, and keeps at most Size messages of a topic. It needs a minute at most for what takes
// no time, and ends it with its test.
func Run(t *testing.T, newBackend func(t *testing.T) Backend) {
	for name, test := range map[string]func(*testing.T, Backend){
		"a log is the same for all":          sameForAll,
		"a log is read in parts":             inParts,
		"a topic without messages":           empty,
		"topics, keys and data are any text": fidelity,
		"a key is appended once":             keys,
		"what is dropped is lost":            bounded,
		"followers are told":                 following,
		"a lost log has another name":        losing,
		"a done context ends a call":         ending,
	} {
		t.Run(name, func(t *testing.T) { test(t, newBackend(t)) })
	}
}

// user is a store as a test uses it.
type user struct {
	history.Store
	t *testing.T
}

func (b Backend) open(t *testing.T) user {
	t.Helper()
	return user{b.Open(t), t}
}

func (u user) append(topic, key, data string) {
	u.t.Helper()
	if err := u.Append(u.t.Context(), topic, key, []byte(data)); err != nil {
		u.t.Fatal(err)
	}
}

// since reads a part.
func (u user) since(topic string, after uint64, limit int) history.Span {
	u.t.Helper()
	span, err := u.Since(u.t.Context(), topic, after, limit)
	if err == nil {
		err = span.Check(after)
	}
	if err != nil {
		u.t.Fatal(err)
	}
	if len(span.Records) > limit {
		u.t.Errorf("%d records, want %d at most", len(span.Records), limit)
	}
	return span
}

// all reads all that there is.
func (u user) all(topic string) history.Span {
	u.t.Helper()
	all := u.since(topic, 0, 7)
	for all.More {
		part := u.since(topic, all.Top, 7)
		if part.Epoch != all.Epoch {
			u.t.Fatalf("epoch %s behind %s", part.Epoch, all.Epoch)
		}
		part.Records = append(all.Records, part.Records...)
		all = part
	}
	return all
}

func texts(records []history.Record) (list []string) {
	for _, r := range records {
		list = append(list, string(r.Data))
	}
	return list
}

func sameForAll(t *testing.T, b Backend) {
	one, two := b.open(t), b.open(t)
	var wg sync.WaitGroup
	for _, u := range []user{one, two} {
		wg.Go(func() {
			for i := range Size / 2 {
				if err := u.Append(t.Context(), "a", "", fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
				if err := u.Append(t.Context(), "b", "", nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	first, second := one.all("a"), two.all("a")
	if len(first.Records) != Size || !slices.EqualFunc(first.Records, second.Records, func(a, b history.Record) bool {
		return a.Offset == b.Offset && a.At.Equal(b.At) && bytes.Equal(a.Data, b.Data)
	}) || first.Epoch != second.Epoch {
		t.Errorf("one has %v\nthe other %v", first, second)
	}
	for _, r := range first.Records {
		if r.At.IsZero() {
			t.Errorf("no time: %+v", r)
		}
	}
	three := b.open(t)
	if got := texts(three.all("a").Records); !slices.Equal(got, texts(first.Records)) {
		t.Errorf("a third one has %v", got)
	}
}

func inParts(t *testing.T, b Backend) {
	u := b.open(t)
	for i := range 10 {
		u.append("a", "", fmt.Sprint(i))
		u.append("b", "", "")
	}
	all := u.all("a").Records
	if got := strings.Join(texts(all), ""); got != "0123456789" {
		t.Fatalf("read %s", got)
	}
	for i, r := range all {
		part := u.since("a", r.Offset, 3)
		want := texts(all[i+1 : min(i+4, len(all))])
		if !slices.Equal(texts(part.Records), want) || part.More != (i+4 < len(all)) || part.Lost > r.Offset {
			t.Errorf("behind %d: %+v, want %v", i, part, want)
		}
	}
	if end := u.since("a", u.all("a").Top, 3); len(end.Records) > 0 || end.More {
		t.Errorf("at the end: %+v", end)
	}
	if beyond := u.since("a", 1<<60, 3); len(beyond.Records) > 0 || beyond.More || beyond.Top >= 1<<60 {
		t.Errorf("beyond the end: %+v", beyond)
	}
}

func empty(t *testing.T, b Backend) {
	u := b.open(t)
	before := u.since("a", 0, 1)
	u.append("b", "", "x")
	between := u.since("a", 0, 1)
	u.append("a", "", "y")
	after := u.since("a", between.Top, 1)
	for _, s := range []history.Span{before, between} {
		if len(s.Records) > 0 || s.More || s.Lost > s.Top {
			t.Errorf("read %+v", s)
		}
	}
	if before.Epoch != after.Epoch || after.Lost > before.Top || len(after.Records) != 1 {
		t.Errorf("read %+v behind %+v", after, before)
	}
}

func fidelity(t *testing.T, b Backend) {
	u := b.open(t)
	var bytes strings.Builder
	for i := range 256 {
		bytes.WriteByte(byte(i))
	}
	topics := []string{
		"a", "a.b..c", "*", "a.*", ">", "with space", "\t\r\n", "$SYS", "ünï☃", "a/b#c?d%41", "not\xffutf8", "\x00",
		strings.Repeat("long", 200), bytes.String(), "A",
	}
	for _, topic := range topics {
		u.append(topic, topic[:min(len(topic), 256)], topic)
		u.append(topic, "", "")
		u.append(topic, "", strings.Repeat("x", 100<<10))
	}
	for _, topic := range topics {
		if got := texts(u.all(topic).Records); len(got) != 3 || got[0] != topic || got[1] != "" || len(got[2]) != 100<<10 {
			t.Errorf("%.20q has %.200q", topic, got)
		}
	}
}

func keys(t *testing.T, b Backend) {
	one, two := b.open(t), b.open(t)
	one.append("a", "k", "1")
	two.append("a", "k", "2")
	two.append("b", "k", "3")
	one.append("a", "l", "4")
	one.append("a", "", "5")
	one.append("a", "", "6")
	if got := strings.Join(texts(two.all("a").Records), ""); got != "1456" {
		t.Errorf("the topic has %s", got)
	}
	if got := strings.Join(texts(two.all("b").Records), ""); got != "3" {
		t.Errorf("the other topic has %s", got)
	}
}

func bounded(t *testing.T, b Backend) {
	u := b.open(t)
	var offsets []uint64
	for i := range 2 * Size {
		u.append("a", "", fmt.Sprint(i))
		all := u.all("a").Records
		offsets = append(offsets, all[len(all)-1].Offset)
		u.append("b", "", "")
	}
	for i, after := range append([]uint64{0}, offsets...) {
		span := u.since("a", after, 3*Size)
		kept := 2*Size - i
		switch complete := span.Lost <= after; {
		case complete && len(span.Records) != kept:
			t.Errorf("%d records behind message %d, want %d, or that they are lost", len(span.Records), i, kept)
		case !complete && kept < Size:
			t.Errorf("the last %d messages count as lost", kept)
		}
	}
	if span := u.since("a", 0, 3*Size); len(span.Records) > Size {
		t.Errorf("it keeps %d messages, want %d", len(span.Records), Size)
	}
}

// listener collects what it is told.
type listener struct {
	mu     sync.Mutex
	got    []history.Record
	change chan struct{}
}

func newListener() *listener { return &listener{change: make(chan struct{}, 1)} }

func (f *listener) Deliver(r history.Record) {
	f.mu.Lock()
	f.got = append(f.got, r)
	f.mu.Unlock()
	f.Recheck()
}

func (f *listener) Recheck() {
	select {
	case f.change <- struct{}{}:
	default:
	}
}

// until waits until a record with this data has come, and returns all.
func (f *listener) until(t *testing.T, data string) []history.Record {
	t.Helper()
	for {
		f.mu.Lock()
		got := slices.Clone(f.got)
		f.mu.Unlock()
		if slices.Contains(texts(got), data) {
			return got
		}
		select {
		case <-f.change:
		case <-t.Context().Done():
			t.Fatal("not told")
		}
	}
}

func following(t *testing.T, b Backend) {
	one, two := b.open(t), b.open(t)
	one.append("a", "", "before")
	f, g := newListener(), newListener()
	stop, err := two.Follow(t.Context(), "a", f)
	if err != nil {
		t.Fatal(err)
	}
	stopToo, err := two.Follow(t.Context(), "a", g)
	if err != nil {
		t.Fatal(err)
	}
	defer stopToo()
	for i := range 10 {
		one.append("a", "", fmt.Sprint(i))
		one.append("b", "", "elsewhere")
	}
	got := f.until(t, "9")
	g.until(t, "9")
	all := one.all("a").Records
	at := map[uint64]int{}
	for i, r := range all {
		at[r.Offset] = i
	}
	for _, r := range got {
		i, ok := at[r.Offset]
		if !ok || i == 0 || string(all[i].Data) != string(r.Data) {
			t.Fatalf("told of %+v, and the log has %v", r, texts(all))
		}
		if r.Previous != 0 && r.Previous != all[i-1].Offset {
			t.Errorf("%d comes behind %d, and not %d", r.Offset, all[i-1].Offset, r.Previous)
		}
		if !r.At.Equal(all[i].At) {
			t.Errorf("%d is told of as of %v, and read as of %v", r.Offset, r.At, all[i].At)
		}
	}
	stop()
	one.append("a", "", "after")
	g.until(t, "after")
	f.mu.Lock()
	defer f.mu.Unlock()
	if slices.Contains(texts(f.got), "after") {
		t.Error("told of something behind the end")
	}
}

func losing(t *testing.T, b Backend) {
	if b.Lose == nil {
		t.Skip("it cannot lose anything")
	}
	u := b.open(t)
	u.append("a", "k", "1")
	u.append("a", "", "2")
	before := u.all("a")
	b.Lose(t)
	u.append("a", "k", "3")
	after := u.all("a")
	if after.Epoch == before.Epoch || !slices.Equal(texts(after.Records), []string{"3"}) {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func ending(t *testing.T, b Backend) {
	u := b.open(t)
	u.append("a", "", "")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnded)
	_, err := u.Since(ctx, "a", 0, 1)
	_, err2 := u.Follow(ctx, "a", newListener())
	for what, err := range map[string]error{"Append": u.Append(ctx, "a", "", nil), "Since": err, "Follow": err2} {
		if err == nil {
			t.Errorf("%s does not mind that its context is done", what)
		}
	}
}

var errEnded = errors.New("the context is done")
