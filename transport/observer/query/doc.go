// Package query answers questions about a running system: what its actors are and do, what
// has crashed, who is connected to its endpoints.
//
//	source := query.New(sys, query.Config{Endpoints: []*ws.Endpoint{endpoint}})
//	tree, err := source.Tree(ctx, query.TreeRequest{Limit: 100})
//
// Package observer shows the answers on a page; they are plain data, which marshals to
// JSON, for whatever else is to show them. Nothing here changes anything in the system.
//
// The questions are asked of a system that works, and may be large: each answer has a
// limit on its length and says how much there is in all. None goes by a supervisor that may
// be busy. What belongs to users (labels, states, tables) is called behind a guard and has
// a time limit. The methods of a [Source] may be called from any goroutine.
//
// # Examples
//
// The examples are in example_test.go: a program that looks at itself, and questions and
// answers in JSON, as for a server of tools.
package query
