package invariants

import (
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
)

// nearRule: who is too far away gets nothing.
var nearRule = rule{
	Info:  Info{"near", Safety, "where a limit of the round trip is set, a peer is served only if its session was measured and was below the limit, it is measured again and again, and measurements in a row that are far above the limit end it"},
	kinds: []event.Kind{event.SessionUp, event.SessionMeasured, event.SubAccepted, event.Subscribed, event.Enqueued, event.Received},
	make: func(p reporter, b *book, o Options) Checker {
		return &near{reporter: p, book: b, limits: o.RTTBelow, looks: int64(nearLooks + nearTurns*o.Lag), within: int64(nearIn + nearTrips*o.Latency + nearTurns*o.Lag), measured: map[remote]*measurements{}}
	},
}

// A node looks at its measurements every nearLooks at most, on any clock, and a new one
// that it asks for is there when it looks again: so nearIn is between two of them. One is
// under way for nearTrips times the latency, and a strategy may have it wait for nearTurns
// turns.
const (
	nearLooks = 1100 * time.Millisecond
	nearIn    = 6 * time.Second
	nearTrips = 6
	nearTurns = 20
)

// nearMost bounds the measurements of a session that are kept.
const nearMost = 16

type near struct {
	reporter
	*book
	limits   map[Side]time.Duration
	looks    int64 // between two looks of a node
	within   int64
	measured map[remote]*measurements
}

// remote is a peer as one life sees it.
type remote struct {
	life int
	peer ident.PeerID
}

// measurements are those of a life's sessions with a peer.
type measurements struct {
	latest []measurement // oldest first, at most nearMost
	least  time.Duration // of those of the present session; 0: there is none
}

type measurement struct {
	at  int64
	rtt time.Duration
}

func (c *near) Event(r *event.Record) {
	if len(c.limits) == 0 || r.Peer == r.Node {
		return // a node is near to itself, without a measurement
	}
	key := remote{c.life.id, r.Peer}
	m := c.measured[key]
	if m == nil {
		m = &measurements{}
		c.measured[key] = m
	}
	switch r.Kind {
	case event.SessionUp:
		m.least = 0
		return
	case event.SessionMeasured:
		m.add(measurement{r.At, time.Duration(r.N)})
		return
	}
	limit := c.limits[Side{Host: r.Host, Stream: r.Stream, Consumer: r.Kind == event.Subscribed || r.Kind == event.Received}]
	switch {
	case limit == 0:
	case r.Kind == event.Enqueued || r.Kind == event.Received:
		c.judge(r, m, limit)
	case m.least == 0:
		c.fail(r, "%s, and the round trip was not measured", r.Event)
	case m.least >= limit || r.Kind == event.SubAccepted && m.last().rtt >= limit:
		c.fail(r, "%s, and the round trip takes %s, which is not below %s", r.Event, m.last().rtt, limit)
	}
}

// judge looks whether a peer that is served is measured, and near.
func (c *near) judge(r *event.Record, m *measurements, limit time.Duration) {
	if !c.host.brisk(r.At) || len(m.latest) == 0 {
		return
	}
	last := m.last()
	if age := r.At - last.at; age > c.within {
		if since, well := c.well(); well && last.at > since {
			c.fail(r, "%s, and the round trip was measured last %s before", r.Event, time.Duration(age))
			m.add(measurement{r.At, last.rtt}) // once
			return
		}
	}
	first := len(m.latest) // of those in a row that are far above the limit
	for first > 0 && m.latest[first-1].rtt > limit+limit/4 {
		first--
	}
	second := first + 1 // that the node saw as well: it may look at both of a second at once
	for second < len(m.latest) && m.latest[second].at-m.latest[first].at < c.looks {
		second++
	}
	if second < len(m.latest) && r.At-m.latest[second].at > 2*c.looks && m.latest[second].at > c.host.calm {
		c.fail(r, "%s, and the round trip is far above %s since %s", r.Event, limit, time.Duration(m.latest[first].at))
		m.latest = m.latest[len(m.latest)-1:] // once
	}
}

func (m *measurements) last() measurement { return m.latest[len(m.latest)-1] }

func (m *measurements) add(x measurement) {
	if len(m.latest) == nearMost {
		m.latest = slices.Delete(m.latest, 0, 1)
	}
	m.latest = append(m.latest, x)
	if m.least == 0 || x.rtt < m.least {
		m.least = x.rtt
	}
}
