package query

import (
	"context"
	"encoding/json"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// ClusterRequest asks for the nodes of the cluster.
type ClusterRequest struct{}

// Cluster are the nodes of the cluster, by their names.
type Cluster struct {
	Nodes []ClusterNode `json:"nodes"`
	Error string        `json:"error,omitempty"` // why only this node is known
	More  int           `json:"more,omitempty"`  // nodes besides those
}

// ClusterNode is what a node says of itself, or why it says nothing.
type ClusterNode struct {
	Name        string `json:"name"`
	Self        bool   `json:"self,omitempty"` // it is the one that was asked
	State       string `json:"state"`          // "running", "silent" or "failed"
	Error       string `json:"error,omitempty"`
	Started     int64  `json:"started,omitempty"` // its observer
	Go          string `json:"go,omitempty"`
	Actors      int    `json:"actors"`
	Connections int    `json:"connections"`
	Channels    int    `json:"channels"`
}

// AboutRequest asks a node about itself.
type AboutRequest struct{}

// About is what a node says of itself, and what can be asked of it.
type About struct {
	ClusterNode
	Tables      []string `json:"tables"`
	Endpoints   []string `json:"endpoints"`
	HistoryFrom int64    `json:"historyFrom"` // how far back the tree of the past is known; 0 if it is not
}

func init() { // not in questions' own literal: what is here asks questions in turn
	questions["cluster"] = asked((*Source).Cluster)
}

// About answers an [AboutRequest].
func (s *Source) About(context.Context, AboutRequest) (*About, error) {
	return &About{s.self(), s.Tables(), s.Endpoints(), s.HistoryFrom()}, nil
}

const (
	maxClusterNodes = 200
	namesLimit      = time.Second     // for the names of the nodes
	nodeLimit       = 2 * time.Second // for what all of them say, since they are asked at once
)

// isNodeName reports whether a node's name can be shown, and be asked for by what was shown.
func isNodeName(name string) bool {
	return name != "" && len(name) <= maxNodeName && utf8.ValidString(name)
}

// Nodes returns the names of the nodes that answer now, in their order: this one alone, and
// an error, if the others cannot be found out.
func (s *Source) Nodes(ctx context.Context) ([]string, error) {
	self := s.NodeName()
	if s.cfg.Peers == nil {
		return []string{self}, nil
	}
	found, err := cross(ctx, s, func() ([]string, error) { return s.cfg.Peers.Nodes(ctx) })
	if err != nil {
		return []string{self}, err
	}
	names := []string{self}
	for _, name := range found {
		if isNodeName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Cluster answers a [ClusterRequest]. All nodes are asked at once, and one that does not
// answer within two seconds costs its row an error.
func (s *Source) Cluster(ctx context.Context, _ ClusterRequest) (*Cluster, error) {
	finding, cancel := context.WithTimeout(ctx, namesLimit)
	names, err := s.Nodes(finding)
	cancel()
	answer, self := &Cluster{}, s.NodeName()
	if err != nil {
		answer.Error = text.Line(AsError(err).Message)
	}
	if len(names) > maxClusterNodes {
		answer.More = len(names) - maxClusterNodes
		names = slices.DeleteFunc(names, func(name string) bool { return name == self })
		names = append(names[:maxClusterNodes-1], self)
		slices.Sort(names)
	}
	answer.Nodes = make([]ClusterNode, len(names))
	ctx, cancel = context.WithTimeout(ctx, nodeLimit)
	defer cancel()
	var asked sync.WaitGroup
	for i, name := range names {
		if name == self {
			answer.Nodes[i] = s.self()
			continue
		}
		asked.Go(func() { answer.Nodes[i] = s.clusterNode(ctx, name) })
	}
	asked.Wait() // no longer than ctx: askPeer leaves what hangs alone
	return answer, nil
}

// self returns this node's own row.
func (s *Source) self() ClusterNode {
	n := ClusterNode{
		Name: s.NodeName(), Self: true, State: "running", Started: millis(s.began), Go: runtime.Version(), Actors: s.sys.Count(),
	}
	for _, e := range s.cfg.Endpoints {
		stats := e.Stats()
		n.Connections += int(stats.Connections)
		n.Channels += int(stats.Channels)
	}
	return n
}

// clusterNode returns another node's row. What that says of itself is bounded.
func (s *Source) clusterNode(ctx context.Context, name string) ClusterNode {
	n := ClusterNode{}
	answer, err := s.askPeer(ctx, name, "node", nil)
	if err == nil && json.Unmarshal(answer, &n) != nil {
		err = Errorf(Unavailable, "it answers what cannot be read")
	}
	if err != nil {
		e, state := AsError(err), "failed"
		if e.Reason == Busy {
			state = "silent"
		}
		return ClusterNode{Name: name, State: state, Error: text.Line(e.Message)}
	}
	return ClusterNode{
		Name: name, State: "running", Started: max(n.Started, 0), Go: strings.TrimSpace(text.Cut(n.Go, 40)),
		Actors: max(n.Actors, 0), Connections: max(n.Connections, 0), Channels: max(n.Channels, 0),
	}
}
