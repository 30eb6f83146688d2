package fault

import "github.com/smalti/smalti/sim"

// MarkLeave says that a node was closed in order.
const MarkLeave = "fault.leave"

var leaveClass = Class{
	Name: "leave", Usage: "leave a", Doc: "The node on the host is closed in order; at the end the host boots again.",
	Marks: []string{MarkLeave},
	parse: func(args string) (Fault, error) {
		host, err := one(args)
		return Leave{turn{class: "leave", host: host, value: 1}}, err
	},
}

// Leave is a node that says goodbye and comes back. Its program closes it.
type Leave struct{ turn }

// End implements Fault: whoever has not gone by then loses power.
func (f Leave) End(w *sim.World) {
	f.turn.End(w)
	if h := known(w, f.host); h != nil && h.Up() && h.Dial(f.class).Get() == 0 {
		h.Restart()
	}
}
