// Package view shows registries, groups, topics, pools and sets of entities as tables of
// text, for people: package observer has a page for them.
//
//	observer.Config{Tables: []view.Table{
//		view.Registry("rooms", &rooms),
//		view.Topics("events", &events),
//		view.Pools("pools", payments, mails),
//	}}
//
// A [Table] is plain data, so a program can make its own, of what only it knows.
//
// # Examples
//
// The example in example_test.go is a table of a program's own.
//
// OTP: ets:i/0 and observer's Table Viewer.
package view
