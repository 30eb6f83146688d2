package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/smalti/smalti/runtime"
)

// End is one end of a link and everything that its handler heard. Its methods
// are for the body, but where they say otherwise.
type End struct {
	node    *Node
	name    string
	dialled bool
	strand  runtime.Strand
	link    runtime.Link

	// All below belong to the strand.
	log       Log
	inside    bool
	paused    bool
	promised  bool                 // More said that another message comes in this turn
	broken    bool                 // none did
	posted    bool                 // turnOver is
	queue     [][]byte             // what SendAll has not handed to the link yet
	onMessage func(message []byte) // runs within OnMessage
	onWrite   func()               // runs within OnWritable
	onClosed  func(runtime.Closed) // runs within OnClosed
	seen      runtime.Watch[Log]
}

var _ runtime.Handler = (*End)(nil)

// Log is what an End heard up to a moment; it is never modified.
type Log struct {
	Opened   bool
	Messages [][]byte
	Bytes    int
	Sent     int  // messages of SendAll that the link took
	Together int  // messages after which another came in the same turn, as More had said
	Unkept   bool // More said so, and the link ended instead
	Writable int
	Closes   []runtime.Closed
	Faults   []string // broken promises that no case allows

	OpenedAt, LastAt, SentAt, WritableAt, ClosedAt time.Duration // on Bed.Mono
}

// String sums the log up.
func (l Log) String() string {
	return fmt.Sprintf("opened=%v messages=%d bytes=%d sent=%d writable=%d closes=%v faults=%q",
		l.Opened, len(l.Messages), l.Bytes, l.Sent, l.Writable, l.Closes, l.Faults)
}

// Closed gives how the link ended; the zero value when it did not.
func (l Log) Closed() runtime.Closed {
	if len(l.Closes) == 0 {
		return runtime.Closed{}
	}
	return l.Closes[0]
}

// The conditions most waited for.
func opened(l Log) bool { return l.Opened || len(l.Closes) > 0 }
func closed(l Log) bool { return len(l.Closes) > 0 }

func received(n int) func(Log) bool {
	return func(l Log) bool { return len(l.Messages) >= n }
}

func sent(n int) func(Log) bool {
	return func(l Log) bool { return l.Sent >= n }
}

// String names the end: node, > or < for dialled and accepted, protocol.
func (e *End) String() string { return e.name }

// Do runs f on the end's strand.
func (e *End) Do(f func()) { e.node.doOn(e.strand, f) }

// Log gives what was heard so far.
func (e *End) Log() Log { return e.seen.Get() }

// Wait returns when ok holds of the log, and fails the case at its deadline.
func (e *End) Wait(what string, ok func(Log) bool) Log {
	b := e.node.bed
	l, err := e.seen.Wait(b.ctx, b.env, ok)
	if err != nil {
		b.Fatalf("%v: waiting until %s: %v; heard %v", e, what, err, l)
	}
	return l
}

// WaitOpen returns when the link is open.
func (e *End) WaitOpen() {
	if l := e.Wait("it opens", opened); !l.Opened {
		e.node.bed.Fatalf("%v did not open: %v", e, l.Closed())
	}
}

// Within is Wait with a deadline of its own.
func (e *End) Within(d time.Duration, what string, ok func(Log) bool) Log {
	b := e.node.bed
	ctx, cancel := b.env.WithTimeout(b.ctx, d)
	defer cancel()
	l, err := e.seen.Wait(ctx, b.env, ok)
	if err != nil {
		b.Fatalf("%v: waiting for %v until %s: %v; heard %v", e, d, what, err, l)
	}
	return l
}

// Send is Link.Send.
func (e *End) Send(messages ...[]byte) (n int, err error) {
	e.Do(func() { n, err = e.link.Send(messages...) })
	return n, err
}

// SendAll sends messages as room for them comes; Log.Sent counts them.
func (e *End) SendAll(messages [][]byte) {
	e.Do(func() {
		e.queue = append(e.queue, messages...)
		e.pump()
	})
}

// Pause is Link.Pause.
func (e *End) Pause() { e.Do(e.pauseHere) }

// Resume is Link.Resume.
func (e *End) Resume() { e.Do(e.resumeHere) }

// pauseHere is Pause for callers on the strand.
func (e *End) pauseHere() {
	e.paused, e.promised = true, false
	e.link.Pause()
}

func (e *End) resumeHere() {
	e.paused = false
	e.link.Resume()
}

// Closed waits for the end of the link and gives it.
func (e *End) Closed() runtime.Closed { return e.Wait("it is closed", closed).Closed() }

// pump runs on the strand.
func (e *End) pump() {
	for len(e.queue) > 0 && len(e.log.Closes) == 0 {
		n, err := e.link.Send(e.queue...)
		if n < 0 || n > len(e.queue) || (err == nil) != (n == len(e.queue)) {
			e.fault("Send of %d messages took %d with error %v", len(e.queue), n, err)
			return
		}
		e.queue = e.queue[n:]
		e.log.Sent += n
		e.log.SentAt = e.node.bed.Mono()
		e.publish()
		if err != nil {
			if !errors.Is(err, runtime.ErrFull) && !errors.Is(err, runtime.ErrClosed) {
				e.fault("Send: %v", err)
			}
			return
		}
	}
}

// enter guards each callback.
func (e *End) enter(callback string) (leave func()) {
	if e.inside {
		e.fault("%s within another callback", callback)
	}
	if len(e.log.Closes) > 0 {
		e.fault("%s after OnClosed", callback)
	}
	e.inside = true
	return func() {
		e.inside = false
		e.publish()
	}
}

// OnOpen implements runtime.Handler.
func (e *End) OnOpen() {
	defer e.enter("OnOpen")()
	switch {
	case !e.dialled:
		e.fault("OnOpen on an accepted link")
	case e.log.Opened:
		e.fault("OnOpen twice")
	case len(e.log.Messages) > 0:
		e.fault("OnMessage before OnOpen")
	case e.link.Session() == nil:
		e.fault("no session in OnOpen")
	}
	e.log.Opened = true
	e.log.OpenedAt = e.node.bed.Mono()
}

// OnMessage implements runtime.Handler.
func (e *End) OnMessage(message []byte) {
	defer e.enter("OnMessage")()
	if e.paused {
		e.fault("OnMessage while paused")
	}
	if e.broken {
		e.fault("a message that More announced came in a later turn")
	}
	if e.promised {
		e.log.Together++
	}
	e.promised = e.link.More()
	if !e.posted {
		e.posted = true
		e.strand.Post(e.turnOver)
	}
	e.log.Messages = append(e.log.Messages, message)
	e.log.Bytes += len(message)
	e.log.LastAt = e.node.bed.Mono()
	if e.onMessage != nil {
		e.onMessage(message)
	}
}

// turnOver runs when the turn of a message is over.
func (e *End) turnOver() {
	e.broken = e.broken || e.promised
	e.promised, e.posted = false, false
}

// OnWritable implements runtime.Handler.
func (e *End) OnWritable() {
	defer e.enter("OnWritable")()
	e.log.Writable++
	e.log.WritableAt = e.node.bed.Mono()
	if e.onWrite != nil {
		e.onWrite()
	}
	e.pump()
}

// OnClosed implements runtime.Handler.
func (e *End) OnClosed(c runtime.Closed) {
	defer e.enter("OnClosed")()
	e.log.Closes = append(e.log.Closes, c)
	e.log.Unkept = e.promised || e.broken
	e.log.ClosedAt = e.node.bed.Mono()
	if e.onClosed != nil {
		e.onClosed(c)
	}
}

// fault notes a broken promise; on the strand.
func (e *End) fault(format string, args ...any) {
	e.log.Faults = append(e.log.Faults, fmt.Sprintf(format, args...))
	e.publish()
}

func (e *End) publish() { e.seen.Set(e.log) }

// message gives message number i of a size, such that two numbers or two
// places in one message rarely hold the same bytes.
func message(i, size int) []byte {
	m := make([]byte, size)
	for j := range m {
		m[j] = byte(i*131 + j*7 + j>>8*13 + i>>8)
	}
	return m
}

// messages gives n messages of one size.
func messages(n, size int) [][]byte {
	ms := make([][]byte, n)
	for i := range ms {
		ms[i] = message(i, size)
	}
	return ms
}

// expect fails the case unless got are the wanted messages, in order.
func (e *End) expect(got, want [][]byte) {
	b := e.node.bed
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i]) {
			b.Fatalf("%v: message %d of %d bytes is not the one of %d bytes that was sent", e, i, len(got[i]), len(want[i]))
		}
	}
	if len(got) != len(want) {
		b.Fatalf("%v: %d messages, want %d", e, len(got), len(want))
	}
}
