package scenarios

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/sim"
	"github.com/smalti/smalti/sim/fault"
)

// Program is what runs on a host beside its node: a service that is tested, or
// a workload. Start runs as a task of the host's and may block in everything
// that takes its ctx; an error that it returns is a violation, unless the node closes.
// When the node begins to close, ctx ends with the cause ErrNodeClosing; when it is closed,
// everything in which a task of the host waits returns runtime.ErrStopped. Start, and all
// tasks and timers that it began, must end within 15 seconds of virtual time from then on.
type Program struct {
	Name  string
	Doc   string
	Start func(ctx context.Context, n *node.Node) error
}

// ErrNodeClosing is the cause of the end of a program's context when its node begins to
// close.
var ErrNodeClosing = errors.New("the node closes")

// untilClosing gives a program a context that ends when its node begins to close.
func untilClosing(start func(context.Context, *node.Node) error) func(context.Context, *node.Node) error {
	return func(ctx context.Context, n *node.Node) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer n.Closing().Subscribe(n.Env().Scheduler.Strand("closing"), func(closing bool) {
			if closing {
				cancel(ErrNodeClosing)
			}
		})()
		if err := start(ctx, n); err != nil && !n.Closing().Get() {
			return err
		}
		return nil
	}
}

// job is a Work bound to the stream that it works on.
type job struct {
	id         uint64 // tells the consumers of one host apart
	work       Work
	host       *sim.Host
	world      *sim.World
	stream     Stream
	validators []ticket.Validator
	looks      *[]look
}

// look has an application tell what the status of a handle is.
type look struct {
	host string
	env  *runtime.Env
	tell func()
}

// shows has a handle looked at when everything is to be well.
func (j job) shows(env *runtime.Env, id ident.StreamID, incarnation uint64, status func() stream.Status) {
	*j.looks = append(*j.looks, look{j.work.Host, env, func() {
		s := status()
		e := event.Event{Kind: event.AppStatus, Stream: id, Incarnation: incarnation, N: int64(len(s.Subscriptions))}
		for _, sub := range s.Subscriptions {
			e.From += sub.Stats().Datums
		}
		if s.Online {
			e.To = 1
		}
		env.Report(&e)
	}})
}

// produce has one producer after the other send.
func (j job) produce(ctx context.Context, n *node.Node) error {
	config, err := j.stream.config()
	if err != nil {
		return err
	}
	j.tellRevocations(n, 0)
	for range max(1, j.work.Rounds) {
		if err := j.round(ctx, n, config); err != nil {
			return err
		}
	}
	return nil
}

// round sends datums that carry who made them, and reports each. At the
// last one it closes the producer, which delivers what is on its way.
func (j job) round(ctx context.Context, n *node.Node, config stream.ProducerConfig) error {
	config.Tickets = j.validators
	if j.stream.Tag != "" {
		tag := ident.NewTag(j.stream.Tag)
		config.Require = func(p discovery.Peer) bool { return p.Entry.HasTag(tag) }
	}
	env := n.Env()
	flood, bulk, spoil := j.host.Dial("flood"), j.host.Dial("bulk"), j.host.Dial("spoil")
	config.Require = panicking(env, j.host, config.Require)
	p, err := stream.Produce(n.Streams(), j.stream.Name, config, stream.WithCodec[[]byte](fields{spoiled: func() bool { return spoiled(env, spoil) }}))
	if err != nil {
		return err
	}
	j.shows(env, p.Stream(), p.Incarnation(), p.Status)
	var b []byte // Send has made its own of it when it returns
	for index, last := uint64(0), false; !last; {
		for range raised(env, flood, max(1, j.work.Burst), fault.MarkFlood) {
			b = payload(b, n.ID(), p.Incarnation(), index, raised(env, bulk, max(j.work.Size, minPayload), fault.MarkBulk))
			seq, err := p.Send(ctx, b)
			if errors.Is(err, errSpoiled) {
				index++
				continue
			}
			if err != nil {
				return err
			}
			env.Report(&event.Event{Kind: event.AppSent, Stream: p.Stream(), Incarnation: p.Incarnation(), From: seq, To: index, N: checksum(b), Bytes: int64(len(b))})
			index++
		}
		last = j.work.Count > 0 && index >= uint64(j.work.Count)
		if j.work.Every > 0 && !last {
			if err := j.rest(ctx, env); err != nil {
				return err
			}
		}
	}
	var undrained *stream.UndrainedError
	if err := p.Close(ctx); !errors.As(err, &undrained) {
		return err
	}
	return nil // what faults kept from the consumers is in the events
}

// consume receives datums and reports each.
func (j job) consume(ctx context.Context, n *node.Node) error {
	config := stream.ConsumerConfig{Queue: j.work.Queue, Criteria: j.work.Criteria, RTTBelow: j.work.RTTBelow, Online: stream.AtLeast(1)}
	if j.stream.Mutual {
		config.Tickets = j.validators
		j.tellRevocations(n, 1)
	}
	c, err := stream.Consume(n.Streams(), j.stream.Name, config, stream.WithCodec[[]byte](stream.Bytes{}))
	if err != nil {
		return err
	}
	env := n.Env()
	j.shows(env, c.Stream(), 0, c.Status)
	begin := env.Clock.Mono()
	stalled := j.work.StallFor == 0
	rested := begin // when it last began to read
	crawl, gulp, stalls := j.host.Dial("crawl"), j.host.Dial("gulp"), j.host.Dial("stall")
	for d, err := range c.All(ctx) {
		if gap, ok := errors.AsType[*stream.Gap](err); ok {
			env.Report(missed(j.id, c.Stream(), gap))
		} else if err == nil {
			env.Report(&event.Event{Kind: event.AppReceived, Sub: j.id, Peer: d.Producer, Stream: c.Stream(), Incarnation: d.Incarnation, From: d.Seq, N: checksum(d.Value)})
			clear(d.Value) // it is the application's own
		}
		takes := j.work.Takes + crawls(env, crawl) + gulps(env, gulp, rested)
		if err := stall(ctx, n, stalls); err != nil {
			return err
		}
		if !stalled && env.Clock.Mono()-begin >= j.work.StallAt {
			stalled = true
			env.Mark("app.stall")
			takes = j.work.StallFor
		}
		if takes > 0 {
			if _, err := pause(ctx, n, takes); err != nil {
				return err
			}
			rested = env.Clock.Mono()
		}
	}
	return stream.ErrClosed
}

// missed returns the event that an application was told of a gap.
func missed(consumer uint64, id ident.StreamID, g *stream.Gap) *event.Event {
	e := &event.Event{Kind: event.AppMissed, Sub: consumer, Peer: g.Producer, Stream: id, Incarnation: g.Incarnation, From: g.From, To: g.To, N: int64(g.Count)}
	switch {
	case g.Unknown:
		e.Text = invariants.GapUnknown
	case g.AtMost:
		e.Text = invariants.GapAtMost
	}
	return e
}

// pause waits for d, or for the node to close.
func pause(ctx context.Context, n *node.Node, d time.Duration) (closing bool, err error) {
	short, cancel := n.Env().WithTimeout(ctx, d)
	defer cancel()
	closing, err = n.Closing().Wait(short, n.Env(), func(c bool) bool { return c })
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return closing, err
}

// minPayload holds what payload writes.
const minPayload = 8 + 8 + 8

// payload makes a datum that says who made it, filled up to size, in place of the one
// in b.
func payload(b []byte, id ident.PeerID, incarnation, index uint64, size int) []byte {
	b = slices.Grow(b[:0], size)[:size]
	copy(b, id[:8])
	binary.BigEndian.PutUint64(b[8:], incarnation)
	binary.BigEndian.PutUint64(b[16:], index)
	x := incarnation ^ index
	for i := minPayload; i < size; i++ {
		x = x*6364136223846793005 + 1442695040888963407 // Knuth's MMIX generator
		b[i] = byte(x >> 56)
	}
	return b
}

// checksum tells a datum from every other one of a run: 63 bits, so that it
// fits an event's N.
func checksum(b []byte) int64 {
	h := uint64(len(b)) ^ 0x9e3779b97f4a7c15
	for ; len(b) >= 8; b = b[8:] {
		high, low := bits.Mul64(h^binary.LittleEndian.Uint64(b), 0xff51afd7ed558ccd)
		h = high ^ low
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return int64(h >> 1)
}

// over tells whether a program ended because its node did.
func over(err error) bool {
	return err == nil || errors.Is(err, stream.ErrClosed) || errors.Is(err, runtime.ErrStopped) || errors.Is(err, runtime.ErrCrashed)
}
