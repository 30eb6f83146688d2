package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// outletMax is how long output is still written after a command was told to end. With the
// end of a node, which takes about two seconds, it is below the ten that docker stop
// gives.
const outletMax = 5 * time.Second

// errStuck is the error of output that took too long after its command was told to end.
var errStuck = fmt.Errorf("the output did not take everything within %s", outletMax)

// outlet writes to standard output. A write to a full pipe blocks, so the outlet gives it
// up outletMax after its context has ended: from then on each write returns errStuck. The
// write itself is left behind, and may still succeed. An outlet is for one goroutine.
type outlet struct {
	to    io.Writer
	late  chan struct{} // closed when writes are given up
	taken uint64        // bytes written
}

var _ io.Writer = (*outlet)(nil)

// newOutlet returns an outlet that writes to a writer until outletMax after the end of
// ctx. If the writer is an outlet, the new one replaces it.
func newOutlet(ctx context.Context, to io.Writer) *outlet {
	if o, ok := to.(*outlet); ok {
		to = o.to
	}
	o := &outlet{to: to, late: make(chan struct{})}
	context.AfterFunc(ctx, func() { time.AfterFunc(outletMax, func() { close(o.late) }) })
	return o
}

// Write implements io.Writer. The caller does not change b after errStuck.
func (o *outlet) Write(b []byte) (int, error) {
	select {
	case <-o.late:
		return 0, errStuck
	default:
	}
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1)
	go func() {
		n, err := o.to.Write(b)
		written <- result{n, err}
	}()
	select {
	case r := <-written:
		o.taken += uint64(r.n)
		return r.n, r.err
	case <-o.late:
		return 0, errStuck
	}
}

// backlog counts the datums that were given to an outlet through a buffer, and that it
// has not written whole. Its zero value is empty.
type backlog struct {
	all   uint64   // datums
	given uint64   // bytes
	ends  []uint64 // where each datum ends, ascending
}

// add notes that a datum of n bytes follows, of an output of which taken bytes were
// written.
func (l *backlog) add(n int, taken uint64) {
	l.trim(taken)
	l.all++
	l.given += uint64(n)
	l.ends = append(l.ends, l.given)
}

// whole returns how many datums were written whole, of an output of which taken bytes were.
func (l *backlog) whole(taken uint64) uint64 {
	l.trim(taken)
	return l.all - uint64(len(l.ends))
}

// trim forgets the datums that end within the first taken bytes.
func (l *backlog) trim(taken uint64) {
	whole := 0
	for whole < len(l.ends) && l.ends[whole] <= taken {
		whole++
	}
	l.ends = l.ends[whole:]
}
