package ws

import "encoding/json"

// joinParams are the parameters of a join that say what its client has of the channel from
// before, as they came: nil if they are not there.
type joinParams struct {
	Since json.RawMessage `json:"since"`        // see History
	Token json.RawMessage `json:"resume_token"` // this and Got: see Route.Linger
	Got   json.RawMessage `json:"got"`
}

// joinParamsOf returns those of a join; none if its payload is no JSON object.
func joinParamsOf(in Payload) (p joinParams) {
	if in.IsBinary() || json.Unmarshal(in.Bytes(), &p) != nil {
		return joinParams{}
	}
	return p
}
