package observer

import (
	"encoding/json"

	"github.com/troupe-go/troupe/transport/observer/query"
)

// nodeIn returns the node that a question is for; "" is this one. What cannot be read is
// refused by the one that answers. The page of a node has its own view of the cluster.
func nodeIn(question string, in []byte) string {
	var q struct {
		Node string `json:"node"`
	}
	if question == "cluster" || json.Unmarshal(in, &q) != nil {
		return ""
	}
	return q.Node
}

func (p *page) isHere(node string) bool { return node == "" || node == p.run.source.NodeName() }

// onlyHere refuses what is for another node, where rights from here do not count. The PID
// that it names may be another actor's here.
func (p *page) onlyHere(in []byte) error {
	if node := nodeIn("", in); !p.isHere(node) {
		return query.Errorf(query.Unavailable, "from here one can only look at node %.40q: open the page of its own observer", node)
	}
	return nil
}
