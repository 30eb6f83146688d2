package live_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// desk is a worker as the product has them, in small: it queues the requests of
// clients, serves a bounded number at a time in an order that it draws, retries
// what fails after a drawn time, and drops what was cancelled or waited too
// long. Its methods run on its strand.
type desk struct {
	env       *runtime.Env
	strand    runtime.Strand
	subscribe func(func(settings)) (stop func()) // to the settings, on the strand

	settings settings
	waiting  []*request
	serving  []*request
	resume   func() // onResume, bound once
	due      bool   // resume is posted
	sweep    runtime.Timer
	leave    func()
}

// settings are a value from elsewhere that changes. They are immutable.
type settings struct {
	version, places int
	patience        time.Duration
}

// request asks for something that takes up to cost, or cancels an earlier one.
type request struct {
	client  string
	number  uint64
	cancels uint64 // the number of another request of the client, 0 for none
	cost    time.Duration

	end   time.Duration // Mono until which it waits
	tries int
	timer runtime.Timer
}

// maxWaiting bounds a desk's queue.
const maxWaiting = 24

func clientName(i int) string { return fmt.Sprintf("client %d", i) }

// requestOf makes the nth request of a client.
func requestOf(client string, n uint64) *request {
	r := &request{client: client, number: n, cost: time.Duration(n*7919%80) * time.Microsecond}
	if n%7 == 0 {
		r.cancels = n - 3
	}
	return r
}

func newDesk(env *runtime.Env, strand runtime.Strand, subscribe func(func(settings)) func()) *desk {
	d := &desk{env: env, strand: strand, subscribe: subscribe, settings: settings{places: 8, patience: time.Millisecond}}
	d.resume = d.onResume
	return d
}

func (d *desk) start() {
	d.leave = d.subscribe(d.onSettings)
	d.sweep = d.env.Clock.AfterFunc(d.strand, d.settings.patience, d.onSweep)
}

func (d *desk) onSettings(s settings) {
	if s.version == 0 {
		return // none yet
	}
	d.settings = s
	d.env.Report(&event.Event{Kind: event.Mark, Text: "settings", N: int64(s.version)})
	d.kick()
}

func (d *desk) on(r *request) {
	switch {
	case r.cancels != 0:
		d.cancel(r.client, r.cancels)
	case len(d.waiting) == maxWaiting:
		d.drop(r, wire.NoCapacity)
	default:
		r.end = d.env.Clock.Mono() + d.settings.patience
		d.waiting = append(d.waiting, r)
		d.report(event.Enqueued, r, wire.None)
		d.kick()
	}
}

func (d *desk) cancel(client string, number uint64) {
	same := func(r *request) bool { return r.client == client && r.number == number }
	for _, list := range []*[]*request{&d.waiting, &d.serving} {
		if i := slices.IndexFunc(*list, same); i >= 0 {
			r := (*list)[i]
			*list = slices.Delete(*list, i, i+1)
			if r.timer != nil {
				r.timer.Stop()
			}
			d.drop(r, wire.Cancelled)
			d.kick()
		}
	}
}

// kick has the desk look for work in a turn of its own.
func (d *desk) kick() {
	if !d.due {
		d.due = true
		d.strand.Post(d.resume)
	}
}

func (d *desk) onResume() {
	d.due = false
	for len(d.serving) < d.settings.places && len(d.waiting) > 0 {
		i := d.strand.Rand("pick").IntN(len(d.waiting))
		r := d.waiting[i]
		d.waiting = slices.Delete(d.waiting, i, i+1)
		if d.env.Clock.Mono() >= r.end {
			d.drop(r, wire.Expired)
			continue
		}
		d.serving = append(d.serving, r)
		d.report(event.Written, r, wire.None)
		r.timer = d.env.Clock.AfterFunc(d.strand, d.strand.Rand("work").Duration(0, r.cost), func() { d.onDone(r) })
	}
}

func (d *desk) onDone(r *request) {
	if r.tries++; r.tries < 4 && d.strand.Rand("work").Chance(250_000) {
		r.timer.Reset(d.strand.Rand("backoff").Duration(0, r.cost))
		return
	}
	d.serving = slices.DeleteFunc(d.serving, func(o *request) bool { return o == r })
	d.report(event.Received, r, wire.None)
	d.kick()
}

// onSweep drops what waited too long.
func (d *desk) onSweep() {
	now := d.env.Clock.Mono()
	d.waiting = slices.DeleteFunc(d.waiting, func(r *request) bool {
		if now < r.end {
			return false
		}
		d.drop(r, wire.Expired)
		return true
	})
	d.sweep.Reset(d.settings.patience / 2)
}

func (d *desk) stop() {
	d.leave()
	d.sweep.Stop()
	for _, r := range d.serving {
		r.timer.Stop()
		d.drop(r, wire.GracefulShutdown)
	}
	for _, r := range d.waiting {
		d.drop(r, wire.GracefulShutdown)
	}
	d.serving, d.waiting = nil, nil
}

func (d *desk) drop(r *request, why wire.Reason) { d.report(event.Dropped, r, why) }

func (d *desk) report(kind event.Kind, r *request, why wire.Reason) {
	d.env.Report(&event.Event{
		Kind: kind, Reason: why, Text: r.client, From: r.number, To: r.number, N: int64(len(d.waiting)), Sub: uint64(r.tries),
	})
}
