package fault

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
)

// MarkEquivocate says that two were told different entries of one version.
const MarkEquivocate = "fault.equivocate"

var equivocateClass = Class{
	Name: "equivocate", Usage: "equivocate a", Doc: "The host signs two different entries of one version, and tells each to another.",
	Marks: []string{MarkEquivocate}, parse: attackOf("equivocate", MarkEquivocate, func() tactic { return equivocate }),
}

func equivocate(l *liar) {
	pair := l.others(2)
	if len(pair) < 2 {
		return
	}
	v, took := l.now(), 0
	for i, tag := range []string{"one thing", "another thing"} {
		raw := l.entry(l.self.Key(), v, []string{l.self.Addr()}, ident.NewTag(tag))
		l.tell(pair[i], lies{entries: [][]byte{raw}}, func(c runtime.Closed) {
			if c.Drained {
				took++
			}
			if took == len(pair) {
				l.bit()
				took = 0
			}
		})
	}
}
