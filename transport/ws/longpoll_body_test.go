package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/iotest"
	"time"
)

// postMessages reads a POST.
func postMessages(body io.Reader, lines bool, maxSize int) (messages []string, err error) {
	r := httptest.NewRequest("POST", "/", body)
	if lines {
		r.Header.Set("Content-Type", "application/x-ndjson; charset=utf-8")
	}
	err = readPost(httptest.NewRecorder(), r, maxSize, func(m sessionMsg) error {
		messages = append(messages, string(m.data))
		return nil
	})
	return messages, err
}

// FuzzPostBody checks that a POST of a client that polls is split without loss, and
// that of one that is cut off only whole messages are taken, however it is read.
func FuzzPostBody(f *testing.F) {
	f.Add([]byte(`["1","1","room:a","phx_join",{}]`+"\n"+`["1","2","room:a","echo",{}]`), true, 40)
	f.Add([]byte("AAEBBgUxM3Jvb206YXNob3V0YWJj\r\n\n[]"), true, 12)
	f.Add([]byte(`{"topic":"t"}`), false, 3)
	f.Add(bytes.Repeat([]byte("[]\n"), 3000), true, 5000)
	f.Fuzz(func(t *testing.T, body []byte, lines bool, cut int) {
		const maxSize = 1 << 10
		whole, err := postMessages(bytes.NewReader(body), lines, maxSize)
		if err == nil && !lines && (len(whole) != 1 || whole[0] != string(body)) {
			t.Fatalf("%q out of %q", whole, body)
		}
		for _, m := range whole {
			if len(m) > maxSize || lines && len(m) == 0 {
				t.Fatalf("%q: message %q", body, m)
			}
		}
		again, errAgain := postMessages(iotest.OneByteReader(bytes.NewReader(body)), lines, maxSize)
		if !slices.Equal(again, whole) || (err == nil) != (errAgain == nil) {
			t.Fatalf("%q, %v byte by byte; %q, %v at once", again, errAgain, whole, err)
		}
		if cut = int(uint(cut) % uint(len(body)+1)); cut == len(body) {
			return
		}
		broken := errors.New("broken")
		some, err := postMessages(io.MultiReader(bytes.NewReader(body[:cut]), iotest.ErrReader(broken)), lines, maxSize)
		if err == nil || len(some) > len(whole) || !slices.Equal(some, whole[:len(some)]) {
			t.Fatalf("%q, %v out of the first %d bytes of %q", some, err, cut, body)
		}
	})
}

// cranky is a ResponseWriter whose SetReadDeadline panics.
type cranky struct{ http.ResponseWriter }

func (cranky) SetReadDeadline(time.Time) error { panic("cranky") }

// What interrupts a body runs on no goroutine of net/http's, which would catch a
// panic of the user's ResponseWriter.
func TestInterruptOfBodySurvivesItsWriter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := cranky{httptest.NewRecorder()}
	done := interruptReads(ctx, w, httptest.NewRequest("POST", "/", nil))
	cancel()
	done()
	done()
	if w.Header().Get("Connection") != "close" {
		t.Error("the connection stays open after an interrupt")
	}
}
