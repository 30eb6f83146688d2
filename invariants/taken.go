package invariants

import "github.com/smalti/smalti/runtime/event"

// takenRule: the consumer's books balance, too.
var takenRule = rule{
	Info: Info{"taken", Safety, "what a consumer received was taken by its application, or is discarded when it closes, and from a producer that filled its queue it hears nothing until there is room"},
	kinds: []event.Kind{
		event.ConsumerOpened, event.ConsumerClosed, event.Unsubscribed, event.Received, event.AppReceived, event.DecodeFailed, event.Discarded,
	},
	make: func(p reporter, b *book, _ Options) Checker {
		return &taken{reporter: p, book: b, consumers: map[*consumers]*intake{}}
	},
}

// taken judges consumers that are alone on their host with their stream, and whose
// application reports what it takes.
type taken struct {
	reporter
	*book
	consumers map[*consumers]*intake
}

// intake is what went through one consumer's queue.
type intake struct {
	queue    int64 // that it holds; 0: not stated
	received int64
	taken    int64
	reports  bool
	filled   map[*receiver]int64 // At when these filled it, and there was no room since
}

// waiting is how much is in the queue.
func (i *intake) waiting() int64 { return i.received - i.taken }

func (c *taken) Event(r *event.Record) {
	s := c.life.consumersOf(r.Stream)
	i := c.consumers[s]
	if r.Kind == event.ConsumerOpened {
		c.consumers[s] = &intake{queue: r.N, filled: map[*receiver]int64{}}
		return
	}
	if i == nil || s.shared {
		return
	}
	switch r.Kind {
	case event.Unsubscribed: // what it told last is handed on with it, and who comes anew may be paused late
		delete(i.filled, c.receiver)
	case event.Received:
		if at, found := i.filled[c.receiver]; found && r.At > at && i.reports {
			c.fail(r, "%s, of a producer that had filled the queue of %d, in which %d are", r.Event, i.queue, i.waiting())
		}
		if i.received += r.N; i.waiting() >= i.queue && i.queue > 0 {
			i.filled[c.receiver] = r.At // more of the same turn may follow
		}
	case event.AppReceived:
		i.reports = true
		i.take(1)
	case event.DecodeFailed:
		i.take(1)
	case event.Discarded:
		i.take(r.N)
	case event.ConsumerClosed:
		if n := i.waiting(); n != 0 && i.reports {
			c.fail(r, "%s received %d datums, and %d of them were neither taken nor discarded", r.Host, i.received, n)
		}
		delete(c.consumers, s)
	}
}

// take notes that datums left the queue.
func (i *intake) take(n int64) {
	if i.taken += n; i.waiting() <= i.queue/2 {
		clear(i.filled)
	}
}
