package invariants

import (
	"github.com/smalti/smalti/runtime/event"
)

// chosenRule: criteria choose, and nothing else does.
var chosenRule = rule{
	Info:  Info{"chosen", Safety, "of the datums that the workload describes, a subscription with criteria is given those that match, and of no other is it told that they do"},
	kinds: []event.Kind{event.AppSent, event.Enqueued, event.Unmatched},
	make: func(p reporter, b *book, o Options) Checker {
		return &chosen{reporter: p, book: b, match: o.Match, sources: map[producerKey]*described{}}
	},
}

// chosen compares what producers say of datums with what the application says,
// whichever comes first.
type chosen struct {
	reporter
	*book
	match   func(criteria string, sent event.Event) bool
	sources map[producerKey]*described
}

// described are the datums of one producer.
type described struct {
	sent   map[uint64]event.Event // by number, at most maxFollowed
	claims map[uint64][]claim     // about datums that the application did not report yet
}

// claim is what a producer did with a datum.
type claim struct {
	criteria string
	enqueued bool
}

func (c *chosen) Event(r event.Record) {
	if c.match == nil || r.Kind == event.AppSent && r.Bytes == 0 {
		return // of other workloads nothing is known
	}
	key := producerKey{r.Node, r.Stream, r.Incarnation}
	d := c.sources[key]
	if d == nil {
		d = &described{sent: map[uint64]event.Event{}, claims: map[uint64][]claim{}}
		c.sources[key] = d
	}
	if r.Kind == event.AppSent {
		for _, a := range d.claims[r.From] {
			c.judge(&r, a, r.Event)
		}
		delete(d.claims, r.From)
		if len(d.sent) < maxFollowed {
			d.sent[r.From] = r.Event
		}
		return
	}
	if c.sub == nil || c.sub.criteria == "" {
		return
	}
	a := claim{c.sub.criteria, r.Kind == event.Enqueued}
	for seq := r.From; seq <= r.To && seq-r.From < maxFollowed; seq++ {
		if sent, ok := d.sent[seq]; ok {
			c.judge(&r, a, sent)
		} else if len(d.claims) < maxFollowed {
			d.claims[seq] = append(d.claims[seq], a)
		}
	}
}

func (c *chosen) judge(r *event.Record, a claim, sent event.Event) {
	if c.match(a.criteria, sent) == a.enqueued {
		return
	}
	verb := "left out"
	if a.enqueued {
		verb = "given"
	}
	c.fail(r, "datum %d (%s) was %s for %s", sent.From, sent, verb, a.criteria)
}
