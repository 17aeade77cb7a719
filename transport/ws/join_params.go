package ws

import (
	"encoding/json"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// joinParams are the parameters of a join that say what its client has of the channel from
// before, as they came: nil if they are not there.
type joinParams struct {
	Since json.RawMessage // since: see History
	Token json.RawMessage // resume_token: this and got, see Route.Linger
	Got   json.RawMessage
}

// joinParamsOf returns those of a join; none if its payload is no JSON object. Very many clients
// may join at once, so nothing is decoded.
func joinParamsOf(in Payload) (p joinParams) {
	if in.IsBinary() || !json.Valid(in.Bytes()) { // a serializer of the user's may have checked nothing
		return joinParams{}
	}
	for name, value := range jsontext.Members(in.Bytes()) {
		switch name {
		case "since":
			p.Since = value
		case "resume_token":
			p.Token = value
		case "got":
			p.Got = value
		}
	}
	return p
}
