package httpapi

import "strings"

// Grant is what a token allows: claims for a token of package token, or what a
// token.VerifierFunc makes of somebody else's. The zero Grant allows nothing.
//
// Rights are lists of patterns, as those of [ws.Topic]: a topic or an ID, or one that ends in
// "*" and stands for all with that prefix.
type Grant struct {
	Who        string   `json:"who"`                  // the service; the log of each request says it, and it must be there
	Publish    []string `json:"publish,omitempty"`    // topics
	Disconnect []string `json:"disconnect,omitempty"` // IDs of connections
	Presence   []string `json:"presence,omitempty"`   // topics
	History    []string `json:"history,omitempty"`    // topics: what is recorded of them
}

// matches reports whether one of the patterns stands for a name.
func matches(patterns []string, name string) bool {
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(p, "*")
		if name == p || wild && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
