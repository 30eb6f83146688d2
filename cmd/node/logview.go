package main

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// logQueue is how many events wait for a slow terminal; further ones are
// counted and left out.
const logQueue = 1024

// What the same peer refuses for the same reason is logged at first, and then less and less
// often, from repeatMin to repeatMax. maxRepeats bounds what is remembered for that.
const (
	repeatMin  = 10 * time.Second
	repeatMax  = 10 * time.Minute
	maxRepeats = 1024
)

// Each new key is another peer, so what peers refuse or are refused for is bounded for
// all of them together as well: refusalBurst lines at once, and one each refusalEvery.
// How many were left out is logged each leftOutEvery.
const (
	refusalBurst = 20
	refusalEvery = 10 * time.Second
	leftOutEvery = time.Minute
)

// standing is what this node has to do with a peer. Those of the catalog and those
// outside it have a bound each, so that strangers hide no refusal of a peer.
type standing uint8

const (
	isStranger  standing = iota // not in the catalog
	isPeer                      // in the catalog
	isBootstrap                 // named by the operator; unbounded, as they are few
)

// bound lets refusalBurst lines pass, and then one each refusalEvery. Its zero value is
// ready.
type bound struct {
	free time.Duration // Mono when the whole burst is free again
	left int           // lines that were left out since the last report
}

// pass reports whether a line may be logged now.
func (b *bound) pass(now time.Duration) bool {
	next := max(b.free, now) + refusalEvery
	if next-now > refusalBurst*refusalEvery {
		b.left++
		return false
	}
	b.free = next
	return true
}

// repeat is what an event and later ones have in common.
type repeat struct {
	kind   event.Kind
	peer   ident.PeerID
	stream ident.StreamID
	reason wire.Reason
}

// repeats are the events of a repeat.
type repeats struct {
	first, next, last time.Duration // Mono: of the first, until which none is logged, of the latest
	wait              time.Duration
	count             int
}

// logView logs a node's events. It never holds the node up.
type logView struct {
	level  slog.Level
	logger *slog.Logger
	events chan event.Event
	lost   atomic.Uint64
	names  map[ident.StreamID]string // of the node's own streams; of run alone
	again  map[repeat]*repeats       // of run alone
	bounds [isBootstrap]bound        // of run alone
	of     func(ident.PeerID) standing
	quit   chan struct{}
	ended  sync.WaitGroup
}

var _ runtime.Observer = (*logView)(nil)

// newLogView starts to log events of level and above to w, until Close. of returns the
// standing of a peer.
func newLogView(w io.Writer, level slog.Level, of func(ident.PeerID) standing) *logView {
	v := &logView{
		level:  level,
		logger: slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})),
		events: make(chan event.Event, logQueue),
		names:  map[ident.StreamID]string{},
		again:  map[repeat]*repeats{},
		of:     of,
		quit:   make(chan struct{}),
	}
	v.ended.Go(v.run)
	return v
}

// Event implements runtime.Observer.
func (v *logView) Event(e event.Event) {
	level, ok := levelOf(e)
	if !ok || level < v.level {
		return
	}
	select {
	case v.events <- e:
	default:
		v.lost.Add(1)
	}
}

// Close logs what waits, but for what a stalled terminal does not take within a
// second.
func (v *logView) Close() {
	close(v.quit)
	done := make(chan struct{})
	go func() {
		v.ended.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

func (v *logView) run() {
	report := time.NewTicker(leftOutEvery)
	defer report.Stop()
	for {
		select {
		case e := <-v.events:
			v.log(e)
			continue
		case <-report.C:
			v.reportLeftOut()
			continue
		case <-v.quit:
		}
		for len(v.events) > 0 {
			v.log(<-v.events)
		}
		v.reportLeftOut()
		if n := v.lost.Load(); n > 0 {
			v.logger.LogAttrs(context.Background(), slog.LevelWarn, "log too slow", slog.Uint64("left_out", n))
		}
		return
	}
}

// reportLeftOut logs how many lines were left out since the last report.
func (v *logView) reportLeftOut() {
	for of, peers := range [...]string{isStranger: "peers that are not in the catalog", isPeer: "peers of the catalog"} {
		if n := v.bounds[of].left; n > 0 {
			v.bounds[of].left = 0
			v.logger.LogAttrs(context.Background(), slog.LevelWarn, "refusals left out",
				slog.Int("left_out", n), slog.String("of", peers),
				slog.String("check", "smalti_session_refused_total and other metrics of --metrics count all of them"))
		}
	}
}

// passes reports whether the bound of all peers that stand as that of e does lets a line
// about e pass. That this node's own key runs twice has none.
func (v *logView) passes(e event.Event, now time.Duration) bool {
	if level, _ := levelOf(e); level >= slog.LevelError || e.Peer.IsZero() {
		return true
	}
	of := v.of(e.Peer)
	return of == isBootstrap || v.bounds[of].pass(now)
}

// repeated notes an event that peers may cause again and again, and reports whether it is
// not to be logged now. It returns what is known of those before.
func (v *logView) repeated(e event.Event) (r *repeats, quiet bool) {
	switch {
	case e.Kind == event.SessionRefused, e.Kind == event.HandshakeRefused, e.Kind == event.EntryRefused:
	case e.Kind == event.Unsubscribed, e.Kind == event.SubRefused, e.Kind == event.StoreFailed:
	case e.Kind == event.SessionDown && e.Reason == wire.IdentityInUse:
	default:
		return nil, false
	}
	key, now := repeat{e.Kind, e.Peer, e.Stream, e.Reason}, time.Duration(e.Mono)
	r = v.again[key]
	if due := r == nil || now >= r.next || now-r.last > repeatMax; due && !v.passes(e, now) {
		return nil, true // not remembered either, so that others are
	}
	if r == nil || now-r.last > repeatMax {
		if len(v.again) >= maxRepeats {
			clear(v.again)
		}
		r = &repeats{first: now, wait: repeatMin}
		v.again[key] = r
	}
	r.count++
	r.last = now
	if now < r.next {
		return r, true
	}
	if r.count > 1 {
		r.wait = min(2*r.wait, repeatMax)
	}
	r.next = now + r.wait
	return r, false
}

func (v *logView) log(e event.Event) {
	level, _ := levelOf(e)
	switch e.Kind {
	case event.ProducerOpened, event.ConsumerOpened:
		v.names[e.Stream] = e.Text
	}
	again, quiet := v.repeated(e)
	if quiet {
		return
	}
	name := v.names[e.Stream]
	if name == "" {
		name = e.Stream.Short()
	}
	attrs := make([]slog.Attr, 0, 8)
	add := func(ok bool, a slog.Attr) {
		if ok {
			attrs = append(attrs, a)
		}
	}
	add(!e.Peer.IsZero(), slog.String("peer", e.Peer.Short()))
	add(!e.Stream.IsZero(), slog.String("stream", name))
	add(e.Sub != 0, slog.Uint64("sub", e.Sub))
	add(e.Reason != wire.None, slog.String("reason", e.Reason.String()))
	add(e.From != 0 || e.To != 0, slog.Uint64("from", e.From))
	add(e.From != 0 || e.To != 0, slog.Uint64("to", e.To))
	add(e.N != 0, slog.Int64("n", e.N))
	add(e.Text != "", slog.String("text", oneLine(e.Text)))
	if again != nil && again.count > 1 {
		attrs = append(attrs, slog.Int("times", again.count), slog.String("for", (again.last-again.first).Round(time.Second).String()))
	}
	check := advice(e)
	if e.Kind == event.SessionRefused && e.Reason == wire.DialFailed && v.of(e.Peer) == isStranger {
		// Such as a peer that this node knew before a restart, and that has left since.
		level, check = slog.LevelInfo, "it may have ended; if it runs, is UDP let through both ways?"
	}
	add(check != "", slog.String("check", check))
	v.logger.LogAttrs(context.Background(), level, e.Kind.String(), attrs...)
}

// advice says what to look at after an event; empty if there is nothing to do.
func advice(e event.Event) string {
	switch {
	case e.Kind == event.SessionRefused && e.Reason == wire.DialFailed:
		return "is the address right, does the node run there, is UDP let through both ways?"
	case e.Reason == wire.IdentityInUse && (e.Kind == event.SessionRefused || e.Kind == event.SessionDown):
		what, hint := refusal(e)
		return strings.TrimPrefix(what+": "+hint, ": ")
	case e.Kind == event.SessionRefused:
		_, hint := refusal(e)
		return hint
	case e.Kind == event.StoreFailed:
		return "is the store writable, has it room? until then a restart may know the bootstrap peers alone"
	case e.Kind == event.Unsubscribed:
		return strings.TrimPrefix(remedy(e.Reason), ", ")
	}
	return ""
}

// levelOf tells how much an event matters to an operator. The data path is not
// logged at all.
func levelOf(e event.Event) (slog.Level, bool) {
	switch e.Kind {
	case event.CallbackPanicked, event.TransportFailed:
		return slog.LevelError, true
	case event.SocketFailed, event.SocketReopened, event.SendFailed, event.StoreFailed:
		return slog.LevelWarn, true
	case event.SessionRefused:
		switch e.Reason {
		case wire.Duplicate:
			return slog.LevelDebug, true // both dialled at once, one connection stays
		case wire.Overloaded:
			return slog.LevelInfo, true // it is tried again; a peer that closes says so too
		case wire.IdentityInUse:
			if ownKey(e) {
				return slog.LevelError, true // at every --log-level
			}
		}
		return slog.LevelWarn, true
	case event.SubRefused, event.HandshakeRefused:
		if e.Reason == wire.UnknownPeer || e.Reason == wire.StreamNotFound {
			return slog.LevelInfo, true // it exchanges catalogs and comes back, or goes by an entry that is old
		}
		return slog.LevelWarn, true
	case event.InputDropped:
		if e.Reason == wire.NoMatch {
			return slog.LevelDebug, true // nobody wanted them
		}
		return slog.LevelWarn, true
	case event.EntryRefused, event.Skipped, event.MissedUnknown, event.EncodeFailed, event.DecodeFailed, event.CriteriaFailed:
		return slog.LevelWarn, true
	case event.SubEnded, event.Unsubscribed:
		switch e.Reason {
		case wire.None, wire.Cancelled, wire.Finished, wire.GracefulShutdown, wire.UnknownPeer, wire.StreamNotFound:
			return slog.LevelInfo, true
		}
		return slog.LevelWarn, true
	case event.SessionDown:
		if e.Reason == wire.IdentityInUse {
			return slog.LevelWarn, true
		}
		return slog.LevelInfo, true
	case event.NodeStarted, event.NodeClosing, event.NodeStopped, event.SessionUp, event.PeerDiscovered, event.PeerDeparted, event.PeerHidden, event.PeerReturned,
		event.CallbackSlow, event.ProducerOpened, event.ProducerClosing, event.ProducerClosed, event.ProducerOnline, event.ProducerOffline, event.SubAccepted,
		event.ConsumerOpened, event.ConsumerClosed, event.ConsumerOnline, event.ConsumerOffline, event.Subscribed:
		return slog.LevelInfo, true
	case event.SessionMeasured, event.PeerUpdated, event.EntryPublished, event.SyncStarted, event.SyncEnded, event.SubExpiry, event.SubDraining,
		event.Dialling, event.DialWithheld, event.Subscribing, event.Discarded, event.Pinged, event.PeerSuspected, event.Mark:
		return slog.LevelDebug, true
	default:
		return 0, false
	}
}

// observers hands each event to several.
type observers []runtime.Observer

// Event implements runtime.Observer.
func (o observers) Event(e event.Event) {
	for _, each := range o {
		each.Event(e)
	}
}
