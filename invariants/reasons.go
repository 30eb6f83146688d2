package invariants

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// reasonsRule: nothing ends without a reason.
var reasonsRule = rule{
	Info: Info{"reasons", Safety, "whatever ends, is refused or is dropped says why"},
	kinds: []event.Kind{
		event.SessionDown, event.SessionRefused, event.SubRefused, event.SubEnded, event.SubDraining, event.Dropped, event.HandshakeRefused, event.Unsubscribed, event.Retrying, event.SyncEnded,
	},
	make: func(p reporter, _ *book, _ Options) Checker { return &reasons{p} },
}

type reasons struct{ reporter }

func (c *reasons) Event(r *event.Record) {
	if r.Reason == wire.None {
		c.fail(r, "%s without a reason", r.Event)
	}
}
