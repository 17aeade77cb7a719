package ws

import (
	"testing"
	"unsafe"
)

// What there is for each connection and each channel stays within its size class of the
// allocator: one word more would cost sixteen bytes, for each of a million.
func TestSizesOfWhatEachClientHas(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	for what, size := range map[string]struct{ is, most uintptr }{
		"a channel's actor":               {unsafe.Sizeof(channelActor{}), 160},
		"a channel's message":             {unsafe.Sizeof(channelMsg{}), 112},
		"a channel's place on the roster": {unsafe.Sizeof(joined{}), 48},
		"a session":                       {unsafe.Sizeof(session{}), 128},
		"a session's message":             {unsafe.Sizeof(sessionMsg{}), 64},
		"a WebSocket":                     {unsafe.Sizeof(webSocket{}), 240},
	} {
		if size.is > size.most {
			t.Errorf("%s has %d bytes, want at most %d", what, size.is, size.most)
		}
	}
}
