package supervisor

// restForOne stops what was started after the child that failed, and starts it
// and them (SUP-23). In a retry the child that failed is the one that did not
// start: those before it stay up (SUP-41).
func restForOne(failed *child) round { return roundFrom(failed) }
