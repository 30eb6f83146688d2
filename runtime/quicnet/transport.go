package quicnet

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

var _ runtime.Transport = (*Transport)(nil)

// drainGrace is how long after the end of a drain its links may take to be
// over: they wait for a last FIN that the peer sends at once.
const drainGrace = 250 * time.Millisecond

// Transport is a node's QUIC socket and everything on it. Open one with
// Listen.
type Transport struct {
	config   Config
	local    ident.PeerID
	tls      *tls.Config
	quicConf *quic.Config
	socket   *socket
	quic     *quic.Transport
	listener *quic.Listener
	addrs    []string
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	group    sync.WaitGroup
	dials    chan struct{} // one token for each place of a dial in flight
	buffers  sync.Pool     // of batchSize, for readers and writers

	unlikelyDials chan struct{} // one token for each of those places that an unlikely dial has

	known    atomic.Pointer[func(ident.PeerID) bool]
	halfOpen atomic.Int64
	inbound  atomic.Int64 // connections that peers dialled

	shutting sync.Once

	mu        sync.Mutex
	book      runtime.Dials
	peers     map[ident.PeerID]*peer
	protocols map[string]*listener
	links     map[*link]struct{} // every link that is not over
	sessions  int
	strangers int
	refusing  wire.Reason // not None: draining or closed
	closed    bool
	failure   error
	onFailure []func(error) // to be told of it
}

// listener is who accepts the links of one protocol.
type listener struct {
	protocol runtime.Protocol
	strand   runtime.Strand
	accept   func(runtime.Link)
	unbound  atomic.Int64
}

// Listen opens a transport: it binds the socket and serves peers from then on.
func Listen(config Config) (*Transport, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	if config.Instance == (wire.Instance{}) {
		_, _ = rand.Read(config.Instance[:]) // never fails, see crypto/rand
	}
	tlsConfig, err := newTLS(config.Key)
	if err != nil {
		return nil, fmt.Errorf("open transport: %w", err)
	}
	t := &Transport{
		config: config, local: config.Key.PeerID(), tls: tlsConfig, dials: make(chan struct{}, config.Dials),
		unlikelyDials: make(chan struct{}, max(1, config.Dials*runtime.MaxUnlikelyDials/runtime.MaxDials)),
		peers:         map[ident.PeerID]*peer{}, protocols: map[string]*listener{}, links: map[*link]struct{}{},
	}
	if t.socket, err = openSocket(config, t.reportSocket); err != nil {
		return nil, fmt.Errorf("open transport: %w", err)
	}
	t.addrs = config.addrs(t.socket.local)
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.quicConf = t.newQUIC()
	t.quic = &quic.Transport{
		Conn:                t.socket.packetConn(),
		VerifySourceAddress: func(net.Addr) bool { return t.halfOpen.Load() >= int64(config.HalfOpen) },
		ConnContext:         t.admit,
		StatelessResetKey:   resetKey(config.Key),
	}
	if t.listener, err = t.quic.Listen(tlsConfig, t.quicConf); err != nil {
		_ = t.socket.Close()
		return nil, fmt.Errorf("open transport: %w", err)
	}
	t.group.Go(t.serve)
	return t, nil
}

// Receive windows of QUIC, in bytes. What comes is read at once, whatever links do, so they
// bound what is under way on the network: 40 MB/s a lane at 50 ms. What waits for a handler
// is bounded by the windows of links.
const (
	laneWindow       = 2 << 20
	connectionWindow = 4 << 20
)

// newQUIC fixes the receive windows: initial and maximum are the same. Sessions keep
// themselves alive, see session.keepAlive.
func (t *Transport) newQUIC() *quic.Config {
	c := t.config
	return &quic.Config{
		HandshakeIdleTimeout:           c.HandshakeTimeout,
		InitialPacketSize:              1200, // what every path must carry (RFC 9000, section 14)
		MaxIdleTimeout:                 c.IdleTimeout,
		InitialStreamReceiveWindow:     laneWindow,
		MaxStreamReceiveWindow:         laneWindow,
		InitialConnectionReceiveWindow: connectionWindow,
		MaxConnectionReceiveWindow:     connectionWindow,
		MaxIncomingStreams:             1 + lanes, // the hello's, and those of links
		MaxIncomingUniStreams:          -1,
	}
}

// Local is the identity that peers authenticate this node by.
func (t *Transport) Local() ident.PeerID { return t.local }

// Addrs lists the addresses at which peers can reach this node.
func (t *Transport) Addrs() []string { return append([]string(nil), t.addrs...) }

// SetKnown tells the transport how to find out whether a peer is known to the node.
func (t *Transport) SetKnown(known func(ident.PeerID) bool) { t.known.Store(&known) }

// OnFailure has f called on s when the transport ends by itself.
func (t *Transport) OnFailure(s runtime.Strand, f func(error)) {
	tell := func(err error) { s.Post(func() { f(err) }) }
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != nil {
		tell(t.failure)
		return
	}
	t.onFailure = append(t.onFailure, tell)
}

// Instance names this run of the node.
func (t *Transport) Instance() wire.Instance { return t.config.Instance }

// Listen hands the links that peers open for proto to accept, on s.
func (t *Transport) Listen(proto runtime.Protocol, s runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	if err := proto.Check(); err != nil {
		return func() {}, fmt.Errorf("listen: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.protocols[proto.Name] != nil {
		return func() {}, fmt.Errorf("listen for %s: %w", proto.Name, runtime.ErrListening)
	}
	l := &listener{protocol: proto, strand: s, accept: accept}
	t.protocols[proto.Name] = l
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.protocols[proto.Name] == l {
			delete(t.protocols, proto.Name)
		}
	}, nil
}

// Dial opens a link for proto to peer at the first of addrs that answers.
func (t *Transport) Dial(peer ident.PeerID, addrs []string, proto runtime.Protocol, s runtime.Strand, h runtime.Handler) runtime.Link {
	l := newLink(t, peer, proto, true)
	l.Bind(s, h)
	switch refusing := t.register(l); {
	case refusing != wire.None:
		l.end(refusing, true)
	case proto.Check() != nil:
		l.end(wire.ProtocolViolation, true)
	case peer == t.local:
		l.end(wire.DialFailed, true)
	default:
		addrs = append([]string(nil), addrs[:min(len(addrs), maxAddrs)]...)
		o := l.opening
		t.group.Go(func() { t.open(l, o, addrs) })
	}
	return l
}

// register adds a link to those that Drain and Close end; or tells why not.
// It also keeps t.group from being waited for meanwhile.
func (t *Transport) register(l *link) wire.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusing != wire.None {
		return t.refusing
	}
	t.links[l] = struct{}{}
	t.group.Add(1) // until forget
	return wire.None
}

// forget undoes register, once nothing of l runs any more.
func (t *Transport) forget(l *link) {
	t.mu.Lock()
	_, known := t.links[l]
	delete(t.links, l)
	t.mu.Unlock()
	if known {
		t.group.Done()
	}
}

// Drain drains all links for at most max, then closes everything, and posts
// done on s.
func (t *Transport) Drain(r wire.Reason, max time.Duration, s runtime.Strand, done func()) {
	t.mu.Lock()
	if t.refusing == wire.None {
		t.refusing = r
	}
	links := make([]*link, 0, len(t.links))
	for l := range t.links {
		links = append(links, l)
	}
	t.mu.Unlock()
	for _, l := range links {
		l.Drain(r, max)
	}
	go func() {
		// Links end themselves at max; what is left then has only to be seen.
		deadline := time.NewTimer(max + drainGrace)
		defer deadline.Stop()
		late := false
		clean := true
		for _, l := range links {
			if !late {
				select {
				case <-l.ending():
				case <-deadline.C:
					late = true
				case <-t.ctx.Done():
					late = true
				}
			}
			clean = clean && !late && !l.cutOff()
		}
		// Where every link is confirmed at both ends, Finished says so to a peer whose last
		// FIN has not arrived.
		end := wire.Finished
		if !clean {
			end = wire.DrainTimeout
		}
		t.shut(end)
		s.Post(done)
	}()
}

// Close ends everything at once, with Cancelled, and returns when all
// goroutines have ended. Twice is fine.
func (t *Transport) Close() { t.shut(wire.Cancelled) }

// shut closes every connection, then the listener, then the socket.
func (t *Transport) shut(r wire.Reason) {
	t.shutting.Do(func() {
		t.mu.Lock()
		t.closed = true
		if t.refusing == wire.None {
			t.refusing = r
		}
		var sessions []*session
		for _, p := range t.peers {
			if p.session != nil {
				sessions = append(sessions, p.session)
			}
		}
		links := make([]*link, 0, len(t.links))
		for l := range t.links {
			links = append(links, l)
		}
		t.mu.Unlock()
		for _, l := range links {
			l.end(r, true)
		}
		var closing sync.WaitGroup
		for _, s := range sessions {
			closing.Go(func() { s.close(r, "") })
		}
		closing.Wait()
		t.cancel()
		_ = t.listener.Close()
		t.socket.stop()
		_ = t.quic.Close()
		_ = t.socket.Close()
	})
	t.group.Wait()
}

// fail ends the transport because of an error that it does not recover from.
func (t *Transport) fail(err error) {
	failure := fmt.Errorf("transport failed: %w", err)
	t.mu.Lock()
	first := !t.closed && t.failure == nil
	if first {
		t.failure = failure
	}
	tell := t.onFailure
	t.mu.Unlock()
	if !first {
		return
	}
	t.report(event.TransportFailed, ident.PeerID{}, wire.ConnectionLost, err.Error())
	for _, f := range tell {
		f(failure)
	}
	go t.shut(wire.ConnectionLost)
}

// stopping tells whether Close, or the end of Drain, is why links end.
func (t *Transport) stopping() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closed
}

// report hands an event to the observer.
func (t *Transport) report(kind event.Kind, peer ident.PeerID, r wire.Reason, text string) {
	t.observe(&event.Event{Kind: kind, Reason: r, Peer: peer, Text: text})
}

// reportSocket reports what happened to the socket.
func (t *Transport) reportSocket(kind event.Kind, n int64, text string) {
	t.observe(&event.Event{Kind: kind, N: n, Text: text})
}

// observe completes an event and reports it.
func (t *Transport) observe(e *event.Event) {
	if t.config.Observer == nil {
		return
	}
	e.Node = t.local
	e.Wall, e.Mono = t.config.Clock.Now().UnixNano(), int64(t.config.Clock.Mono())
	t.config.Observer.Event(*e)
}

// refused reports a connection that came to nothing.
func (t *Transport) refused(peer ident.PeerID, err error) {
	r, remote := reasonOf(err)
	if t.ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return
	}
	e := event.Event{Kind: event.SessionRefused, Reason: r, Peer: peer, Text: err.Error()}
	if remote {
		e.N = 1
	}
	t.observe(&e)
}
