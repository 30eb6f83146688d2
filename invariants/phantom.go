package invariants

import "github.com/smalti/smalti/runtime/event"

// phantomRule: nothing is received that nobody sent.
var phantomRule = rule{
	Info:  Info{"no-phantom", Safety, "what a consumer receives was enqueued for its peer by the producer's incarnation that it names"},
	kinds: []event.Kind{event.Received},
	make:  func(p reporter, b *book, _ Options) Checker { return &phantom{p, b} },
}

type phantom struct {
	reporter
	*book
}

func (c *phantom) Event(r *event.Record) {
	source := c.receiver.source
	if source == nil || c.receiver.incarnation != r.Incarnation {
		p := c.producers[producerKey{r.Peer, r.Stream, r.Incarnation}]
		if p == nil {
			if c.nodes[r.Peer] == honest {
				c.fail(r, "%s of incarnation %d, which never was", r.Event, r.Incarnation)
			}
			return
		}
		source = p.readerOf(r.Node)
	}
	sent := source.enqueued
	if sent.has(r.From, r.To) || uint64(r.N) <= sent.count(r.From, r.To) && sent.has(r.From, r.From) && sent.has(r.To, r.To) {
		return
	}
	if c.nodes[r.Peer] == honest {
		c.fail(r, "%s of incarnation %d, of which only %v was enqueued for it", r.Event, r.Incarnation, sent)
	}
}
