package quicnet

import (
	"sync"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// aliveBytes pads the ping of a keep-alive. QUIC does the same with packets of some 25
// bytes, but a peer that was restarted, and so does not know the connection, does not answer
// packets of up to 42 bytes with a stateless reset (RFC 9000, section 10.3.3).
const aliveBytes = 40

// alivePerSession bounds the pings of all sessions together to 500 a second.
const alivePerSession = 2 * time.Millisecond

// aliveEvery returns how long a session may hear nothing before it pings.
func (t *Transport) aliveEvery() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(t.config.KeepAlive/5, min(t.config.KeepAlive/2, time.Duration(t.sessions)*alivePerSession))
}

// Probes find a path that has come to carry smaller packets than before. QUIC finds out how
// large packets may be when a connection begins (RFC 8899), and quic-go does not look for
// black holes later (section 4.3): what is in full packets never arrives, small ones do, and
// so the connection does not become idle.
const (
	// probeBytes is the size of a probe: it fills a packet of quic-go, which has at most
	// 1,452 bytes.
	probeBytes = 1500
	// A probe is sent at most once in probeEvery, and only after probeAfter bytes.
	probeEvery = 5 * time.Second
	probeAfter = 4 << 10
)

// keepAlive pings the peer while nothing comes from it, until stop is called. So a
// connection is lost as soon as a peer that was restarted refuses it, and does not wait for
// its idle time-out. It also probes the path, and ends the session if probes do not arrive.
func (s *session) keepAlive() (stop func()) {
	heard := s.conn.ConnectionStats().PacketsReceived
	every := s.t.aliveEvery()
	var mu sync.Mutex // the function may run before timer is set
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(every, func() {
		_ = s.Quiet()
		stats := s.conn.ConnectionStats()
		arrived := stats.PacketsReceived != heard
		if !s.control.probePath(every, arrived, stats.BytesSent) {
			s.close(wire.IdleTimeout, "small packets arrive and large ones do not: the path carries smaller packets than before")
			return
		}
		if !arrived && s.control.say(wire.FramePing, make([]byte, aliveBytes)) != nil {
			return // the connection is lost
		}
		heard = stats.PacketsReceived
		mu.Lock()
		defer mu.Unlock()
		every = s.t.aliveEvery()
		timer.Reset(every)
	})
	return func() { timer.Stop() }
}
