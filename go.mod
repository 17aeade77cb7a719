module github.com/troupe-go/troupe

go 1.26

require (
	github.com/coder/websocket v1.8.15
	github.com/google/uuid v1.6.0
	go.uber.org/goleak v1.3.0
)
