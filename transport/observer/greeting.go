package observer

import (
	"context"
	"runtime"
	"time"
)

// greeting is the answer to a join.
type greeting struct {
	Version     int      `json:"version"`
	Node        string   `json:"node"`
	Observer    string   `json:"observer"` // the PID of what this page is a part of
	Nodes       []string `json:"nodes"`
	Cluster     bool     `json:"cluster"` // there may be others
	Who         string   `json:"who"`
	Rights      []string `json:"rights"`
	Acts        []string `json:"acts"`
	Started     int64    `json:"started"`
	Now         int64    `json:"now"`
	Actors      int      `json:"actors"`
	Go          string   `json:"go"`
	Tables      []string `json:"tables"`
	Endpoints   []string `json:"endpoints"`
	HistoryFrom int64    `json:"historyFrom"`
	Flight      bool     `json:"flight"` // there is a recording that may be fetched
}

// nodesLimit is how long a join waits for the names of the other nodes.
const nodesLimit = 500 * time.Millisecond

func (p *page) greeting(grant Grant) greeting {
	g := greeting{
		Version: pageVersion,
		Node:    p.run.source.NodeName(), Observer: p.run.top.String(), Cluster: p.observer.cfg.Cluster != nil,
		Who: grant.Who, Rights: []string{}, Acts: []string{}, Tables: p.run.source.Tables(), Endpoints: p.run.source.Endpoints(),
		Started: p.run.began.UnixMilli(), Now: time.Now().UnixMilli(),
		Actors: p.run.sys.Count(), Go: runtime.Version(),
	}
	ctx, cancel := context.WithTimeout(p.life, nodesLimit)
	defer cancel()
	g.Nodes, _ = p.run.source.Nodes(ctx) // then it is this one
	g.HistoryFrom = p.run.source.HistoryFrom()
	g.Flight = p.observer.cfg.Flight != nil && grant.Rights >= Trace
	for r := Look; r <= grant.Rights; r++ {
		g.Rights = append(g.Rights, r.String())
	}
	if grant.Rights >= Act {
		for _, a := range acts {
			g.Acts = append(g.Acts, a.name)
		}
	}
	return g
}
