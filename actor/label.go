package actor

// SetLabel says what this actor is, for people that look at it: one of many that have
// no name. It shows in [Info] and in the log of a crash, and has no other use. "" takes
// it off.
//
// OTP: proc_lib:set_label/1.
func (c *Context[M]) SetLabel(label string) {
	r := c.relations()
	if r == gone {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.makeRare().label = label
}

// Label returns what the actor has called itself, or "".
//
// OTP: proc_lib:get_label/1.
func (p PID) Label() (label string) {
	if p.p != nil {
		forget(p.p, func(r *relations) {
			if r.rare != nil {
				label = r.rare.label
			}
		})
	}
	return label
}
