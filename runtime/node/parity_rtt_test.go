package node_test

import (
	"context"
	"time"

	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

// rttLimit is the limit of these tests, far what makes a round trip of twice as much. Both
// are large, so that a busy machine is near.
const (
	rttLimit = 300 * time.Millisecond
	far      = rttLimit
)

// limited is a producer that sends all the time, and a consumer, of which one has a limit
// on the round trip.
type limited struct {
	*trial
	n0, n1 *node.Node
	p      *stream.Producer[string]
	d      *stream.Def[string]
}

func newLimited(x *trial, side string) *limited {
	x.Helper()
	pc, cc := stream.ProducerConfig{Online: stream.AtLeast(0)}, stream.ConsumerConfig{}
	if side == "producer" {
		pc.RTTBelow = rttLimit
	} else {
		cc.RTTBelow = rttLimit
	}
	l := &limited{trial: x, d: lines.With(stream.Producing[string](pc), stream.Consuming[string](cc))}
	x.node("hub", distant) // by which the others know of each other before they meet
	l.n0, l.n1 = x.node("n0", distant), x.node("n1", distant)
	l.p = produce(x, l.n0, l.d)
	x.task(func(ctx context.Context) error {
		for {
			if _, err := l.p.Send(ctx, "hello"); err != nil {
				return err
			}
			if err := x.env().Sleep(ctx, 10*time.Millisecond); err != nil {
				return err
			}
		}
	})
	return l
}

// received is how many datums the consumer's queue got so far.
func (l *limited) received() int64 { return l.log.sum(l.n1, l.n0.ID(), event.Received) }

// none fails if a datum comes within d.
func (l *limited) none(d time.Duration, what string) {
	l.Helper()
	before := l.received()
	l.sleep(d)
	if n := l.received() - before; n != 0 {
		l.Errorf("%s: %d datums in %s, want none", what, n, d)
	}
}

func farConsumerGetsNothing(x *trial)  { farGetsNothing(x, "producer") }
func farProducerGivesNothing(x *trial) { farGetsNothing(x, "consumer") }

// A peer above the limit gets no datum: not at first sight, not after it comes back, and
// not for long after its path became longer.
func farGetsNothing(x *trial, side string) {
	x.distance(far)
	l := newLimited(x, side)
	c := consume(x, l.n1, l.d)
	x.within("a verdict", func() bool {
		s := c.Status()
		return len(s.Pending) == 1 && s.Pending[0].Reason == wire.NotAllowed
	})
	if n := l.received(); n != 0 {
		x.Errorf("at first sight: %d datums", n)
	}
	l.none(3*time.Second, "while it is far")

	x.distance(0)
	x.by(2*time.Minute, "the subscription of a near peer", func() bool { return len(c.Status().Subscriptions) == 1 })
	before := l.received()
	x.within("datums", func() bool { return l.received() > before })

	x.distance(far)
	x.by(10*time.Second, "the end", func() bool { return len(c.Status().Subscriptions) == 0 })
	x.sleep(2 * far) // for what was under way
	l.none(5*time.Second, "after its path became longer")

	c.Close()
	c = consume(x, l.n1, l.d)
	l.none(5*time.Second, "a new consumer on the same session")
	if s := c.Status(); len(s.Subscriptions) != 0 {
		x.Errorf("then: %+v", s)
	}
}

// Who was near stays for a while that it is a little too far, or is so once.
func nearAtTheBorder(x *trial) {
	x.distance(rttLimit / 4)
	l := newLimited(x, "producer")
	c := consume(x, l.n1, l.d)
	x.within("the subscription", func() bool { return len(c.Status().Subscriptions) == 1 })
	x.sleep(3 * time.Second)
	x.distance(rttLimit * 11 / 20) // a tenth above the limit
	x.sleep(10 * time.Second)
	if n := x.log.count(l.n0, event.SubDraining); n != 0 {
		x.Errorf("ended %d times a tenth above the limit", n)
	}
}
