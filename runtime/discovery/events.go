package discovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/smalti/smalti/runtime"
)

// DefaultBacklog is how many changes Events keeps for a reader, when it is told
// nothing else.
const DefaultBacklog = 128

// ErrEventsClosed says that Close was called.
var ErrEventsClosed = errors.New("events closed")

// LagError says that a reader of Events was too slow: the oldest Missed changes are
// gone. The next ones follow.
type LagError struct{ Missed uint64 }

func (e *LagError) Error() string {
	return fmt.Sprintf("missed %d changes of the catalog: read Catalog, then go on", e.Missed)
}

// Events is a queue of changes for one reader, which may be slow: it is bounded, and
// says so when it ran over. Its methods may be called from anywhere.
type Events struct {
	d       *Discovery
	backlog int
	more    runtime.Watch[uint64] // grows whenever there is something new to see
	stop    func()                // of the strand, as more is; nil before the begin

	mu      sync.Mutex
	changes []Change // all guarded by mu
	first   int      // of those, the peers that were there at the begin; -1: not yet
	missed  uint64
	closed  bool
}

// Events gives all peers that are there, then what changes, in the order of Subscribe.
// Besides the former, up to backlog changes wait for Next, DefaultBacklog for 0 or less. Close it after use.
func (d *Discovery) Events(backlog int) *Events {
	if backlog <= 0 {
		backlog = DefaultBacklog
	}
	e := &Events{d: d, backlog: backlog, first: -1}
	d.strand.Post(func() {
		now := d.Catalog()
		e.add(now.changesSince(nil))
		e.stop = d.subscribe(d.strand, now, e.add)
	})
	return e
}

// add runs on discovery's strand.
func (e *Events) add(changes []Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes = append(e.changes, changes...)
	if e.first < 0 {
		e.first = len(changes) // a snapshot, which is no lag however large it is
	}
	if over := len(e.changes) - e.first - e.backlog; over > 0 {
		e.missed += uint64(over)
		e.changes = slices.Delete(e.changes, e.first, e.first+over)
	}
	e.more.Set(e.more.Get() + 1)
}

// Next gives the next change, and parks until there is one. Errors: a *LagError, once
// after changes were lost; ErrEventsClosed; the cause of ctx.
func (e *Events) Next(ctx context.Context) (Change, error) {
	for {
		seen := e.more.Get()
		if c, ok, err := e.take(); ok || err != nil {
			return c, err
		}
		if _, err := e.more.Wait(ctx, e.d.env, func(n uint64) bool { return n != seen }); err != nil {
			return Change{}, err
		}
	}
}

func (e *Events) take() (c Change, ok bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.missed > 0 && e.first <= 0:
		err = &LagError{e.missed}
		e.missed = 0
	case len(e.changes) > 0:
		c, ok = e.changes[0], true
		e.changes = e.changes[1:]
		if e.first > 0 {
			e.first--
		}
	case e.closed:
		err = ErrEventsClosed
	}
	return c, ok, err
}

// Close ends the queue; what waits in it can still be read. Twice is fine.
func (e *Events) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	e.closed = true
	e.d.strand.Post(func() {
		e.stop()
		e.more.Set(e.more.Get() + 1)
	})
}
