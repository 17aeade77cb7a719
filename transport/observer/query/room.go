package query

// room is for how many more bytes an answer has room, about. What is not in it is counted:
// clients are told that there is more, and ask for less at a time.
type room int

// An answer goes to other nodes as well, with maxAnswer bytes at most.
const (
	wholeRoom room = maxAnswer - maxAnswer/8
	rowSize        = 200 // of the names and numbers of a row
)

// takes reports whether there is room for a row with these texts. When there was none for
// one, there is none for those after it.
func (r *room) takes(texts ...string) bool {
	if *r <= 0 {
		return false
	}
	*r -= rowSize
	for _, t := range texts {
		*r -= room(len(t))
		for i := range len(t) {
			switch t[i] { // which are longer in JSON
			case '<', '>', '&':
				*r -= 5
			case '"', '\\', '\n', '\t':
				*r--
			}
		}
	}
	return *r > 0
}

func (n *Node) takes(r *room) bool {
	return r.takes(n.PID, n.Parent, n.ID, n.Name, n.Label, n.Strategy, n.Behavior)
}
