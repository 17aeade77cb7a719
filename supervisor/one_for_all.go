package supervisor

// oneForAll stops all and starts all (SUP-22). A retry does the same, so what had
// come up is stopped again (SUP-41).
func oneForAll(all *children) round { return roundFrom(all.first) }
