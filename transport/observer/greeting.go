package observer

import (
	"runtime"
	"time"
)

// greeting is the answer to a join.
type greeting struct {
	Version     int      `json:"version"`
	Node        string   `json:"node"`
	Nodes       []string `json:"nodes"`
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
}

func (p *page) greeting(grant Grant) greeting {
	g := greeting{
		Version: pageVersion,
		Node:    "local", Nodes: []string{"local"},
		Who: grant.Who, Rights: []string{}, Acts: []string{}, Tables: p.run.source.Tables(), Endpoints: p.run.source.Endpoints(),
		Started: p.run.began.UnixMilli(), Now: time.Now().UnixMilli(),
		Actors: p.run.sys.Count(), Go: runtime.Version(),
	}
	g.HistoryFrom = p.run.source.HistoryFrom()
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
