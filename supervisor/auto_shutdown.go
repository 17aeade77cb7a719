package supervisor

// due reports whether a supervisor with this setting must end now that one of its
// children has ended by itself for good (SUP-50, SUP-51).
func (a AutoShutdown) due(all *children, ended *child) bool {
	if a == never || !ended.spec.Significant {
		return false
	}
	if a == AllSignificant {
		for c := all.first; c != nil; c = c.next {
			if c.spec.Significant && c.phase != stopped {
				return false
			}
		}
	}
	return true
}
