// Package rawclient is a WebSocket client for tests that sends what it is told to, byte
// by byte, however wrong, and shows what comes back.
package rawclient
