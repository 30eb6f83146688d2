package stream

import (
	"fmt"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// slowCallback is what a callback may take before it is reported: it runs on a
// strand, on which everything else waits.
const slowCallback = 10 * time.Millisecond

// maxPanicText bounds what an event says of a panic, in bytes, and maxFrames how
// many callers it names.
const (
	maxPanicText = 1 << 10
	maxFrames    = 8
)

// caller calls what the application gave a producer or consumer of one stream.
type caller struct {
	env    *runtime.Env
	stream ident.StreamID
}

// nobody is whom a callback is about that decides about no peer.
var nobody ident.PeerID

// call runs f on a strand: shield, and a report if it takes long.
func (c caller) call(peer ident.PeerID, name string, f func()) error {
	begin := c.env.Clock.Mono()
	err := c.shield(peer, name, f)
	if took := c.env.Clock.Mono() - begin; took > slowCallback {
		c.env.Report(&event.Event{Kind: event.CallbackSlow, Stream: c.stream, Peer: peer, N: int64(took), Text: name})
	}
	return err
}

// shield runs f, which is the callback of that name and about peer. A panic is
// reported with where it came from and becomes an error that wraps
// wire.CallbackPanic.
func (c caller) shield(peer ident.PeerID, name string, f func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%s: %v: %w", name, v, wire.CallbackPanic)
			text := fmt.Sprintf("%s: %v%s", name, v, callers())
			c.env.Report(&event.Event{
				Kind: event.CallbackPanicked, Stream: c.stream, Peer: peer, Reason: wire.CallbackPanic, Text: text[:min(len(text), maxPanicText)],
			})
		}
	}()
	f()
	return nil
}

// callers names the functions that led to the panic that is being recovered,
// the innermost first: without addresses, so that it reads the same in every
// run.
func callers() string {
	var pcs [64]uintptr
	frames := goruntime.CallersFrames(pcs[:goruntime.Callers(3, pcs[:])])
	var b strings.Builder
	for n := 0; n < maxFrames; {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, "stream.caller.shield") {
			break
		}
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			fmt.Fprintf(&b, " < %s:%d", f.Function, f.Line)
			n++
		}
		if !more {
			break
		}
	}
	return b.String()
}

// text gives what an event says of an error.
func text(err error) string {
	s := err.Error()
	return s[:min(len(s), maxPanicText)]
}
