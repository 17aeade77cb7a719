package supervisor

// oneForOne restarts the child that failed, in its old place (SUP-21).
func oneForOne(failed *child) round {
	return round{start: []*child{failed}}
}
