package invariants

import (
	"strings"

	"github.com/smalti/smalti/runtime/event"
)

// panicRule: callbacks of the application do not panic.
var panicRule = rule{
	Info:  Info{"panic", Safety, "no callback of an application panics, unless the run is about that"},
	kinds: []event.Kind{event.CallbackPanicked},
	make:  func(p reporter, _ *book, o Options) Checker { return &panicked{p, o.CallbacksMayPanic, o.PanicsWith} },
}

type panicked struct {
	reporter
	allowed bool
	ordered string
}

func (c *panicked) Event(r *event.Record) {
	if !c.allowed && (c.ordered == "" || !strings.Contains(r.Text, c.ordered)) {
		c.fail(r, "%s", r.Event)
	}
}
