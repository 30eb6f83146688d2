package fault

import (
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
)

// MarkForeign says that somebody was told a departure of another network.
const MarkForeign = "fault.foreign"

var foreignClass = Class{
	Name: "foreign", Usage: "foreign a", Doc: "The host tells departures that others said in another network, to which they belong with the same key.",
	Marks: []string{MarkForeign}, parse: attackOf("foreign", MarkForeign, func() tactic { return foreign }),
}

// elsewhere is the network that they left.
var elsewhere = ident.Network("elsewhere")

func foreign(l *liar) {
	pair := l.others(2)
	if len(pair) < 2 {
		return
	}
	l.ask(pair[0], func(s *discovery.Signed) {
		v := s.Entry.Version
		v.Updated++
		dep, err := discovery.SignDeparture(elsewhere, v, pair[0].Config().Key)
		if err == nil {
			l.tell(pair[1], lies{departures: [][]byte{dep.Raw()}}, l.taken)
		}
	})
}
