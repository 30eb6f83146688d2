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

// keepAlive pings the peer while nothing comes from it, until stop is called. So a
// connection is lost as soon as a peer that was restarted refuses it, and does not wait for
// its idle time-out.
func (s *session) keepAlive() (stop func()) {
	heard := s.conn.ConnectionStats().PacketsReceived
	var mu sync.Mutex // the function may run before timer is set
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(s.t.aliveEvery(), func() {
		if now := s.conn.ConnectionStats().PacketsReceived; now != heard {
			heard = now
		} else if err := s.control.say(wire.FramePing, make([]byte, aliveBytes)); err != nil {
			return // the connection is lost
		}
		mu.Lock()
		defer mu.Unlock()
		timer.Reset(s.t.aliveEvery())
	})
	return func() { timer.Stop() }
}
