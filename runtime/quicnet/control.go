package quicnet

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// control is a session's first stream, on which the hellos were: later it measures the
// round trip. QUIC does so too, but only for what a side sends, and not for each packet.
type control struct {
	t      *Transport
	stream *quic.Stream

	write chan struct{} // a token for the writer of a frame

	mu      sync.Mutex
	latest  runtime.RTT
	told    time.Duration // Mono of the measurement that was reported last
	quic    time.Duration // the latest one that QUIC measured
	number  uint64        // of the ping that is under way
	sent    time.Duration // Mono when it left; 0: none is
	answers runtime.GCRA
	probe   probe
}

// probe is a ping that fills a packet.
type probe struct {
	number uint64
	under  bool          // the answer is awaited
	since  time.Duration // for how long it is, or since the answer
	quiet  bool          // no packet arrived in the last interval
	sent   uint64        // bytes of the connection when it left
}

// Answers to a peer's pings: more are ignored.
const (
	answerEvery = 100 * time.Millisecond
	answerBurst = 10
)

// rtt returns the latest measurement, and has a new one made if that is old. fresh tells
// that it was not returned before.
func (c *control) rtt(stats quic.ConnectionStats) (r runtime.RTT, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.t.config.Clock.Mono()
	if d := stats.LatestRTT; d > 0 && d != c.quic { // QUIC does not say when it was measured
		c.quic = d
		c.measured(d, now)
	}
	if now-c.latest.At >= runtime.RTTStale && (c.sent == 0 || now-c.sent >= c.t.config.IdleTimeout) {
		c.number++
		c.sent = max(now, 1)
		ping := binary.BigEndian.AppendUint64(nil, c.number)
		go func() { _ = c.say(wire.FramePing, ping) }()
	}
	fresh = c.latest.At != c.told
	c.told = c.latest.At
	return c.latest, fresh
}

// probePath is called once in an interval, with whether packets arrived in it. It sends a
// probe now and then, and returns false if one was not answered for the idle time-out
// although packets arrived. Of several intervals without any it counts one, so that a peer
// that was suspended has time to answer.
func (c *control) probePath(interval time.Duration, arrived bool, sent uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.probe
	if arrived || !p.quiet {
		p.since += interval
	}
	p.quiet = !arrived
	switch {
	case !arrived:
		return true
	case p.under:
		return p.since < c.t.config.IdleTimeout
	case p.since < probeEvery || sent-p.sent < probeAfter:
		return true
	}
	*p = probe{number: p.number + 1, under: true, sent: sent}
	b := make([]byte, probeBytes)
	binary.BigEndian.PutUint64(b, p.number)
	go func() { _ = c.say(wire.FramePing, b) }()
	return true
}

// measured takes a measurement; with the lock held.
func (c *control) measured(d, at time.Duration) {
	least := c.latest.Min
	if least == 0 || d < least {
		least = d
	}
	c.latest = runtime.RTT{Latest: d, Min: least, At: at}
}

// say writes a frame. If the peer does not take it within the idle time-out the session ends:
// half of it may be written.
func (c *control) say(kind wire.FrameKind, payload []byte) error {
	c.write <- struct{}{}
	defer func() { <-c.write }()
	_ = c.stream.SetWriteDeadline(time.Now().Add(c.t.config.IdleTimeout))
	_, err := c.stream.Write(wire.AppendFrame(nil, 0, kind, payload))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = refuse(wire.IdleTimeout, "the peer does not take what is sent")
	}
	if err != nil {
		c.stream.CancelRead(quic.StreamErrorCode(wire.IdleTimeout))
	}
	return err
}

// read answers pings and takes answers until the stream fails.
func (c *control) read() error {
	for {
		h, payload, err := readFrame(c.stream, wire.MaxPing)
		if err == nil && h.Link != 0 {
			err = refuse(wire.ProtocolViolation, "frame of a link among those of the session")
		}
		if err != nil {
			return err
		}
		now := c.t.config.Clock.Mono()
		switch h.Kind {
		case wire.FramePing:
			if c.answers.Allow(now, answerEvery, answerBurst) {
				if err := c.say(wire.FramePong, payload); err != nil {
					return err
				}
			}
		case wire.FramePong:
			c.mu.Lock()
			if c.sent > 0 && len(payload) == 8 && binary.BigEndian.Uint64(payload) == c.number {
				c.measured(now-c.sent, now)
				c.sent = 0
			}
			if p := &c.probe; p.under && len(payload) == probeBytes && binary.BigEndian.Uint64(payload) == p.number {
				p.under, p.since = false, 0
			}
			c.mu.Unlock()
		default: // of a later version
		}
	}
}
