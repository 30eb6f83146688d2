package quicnet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// stagger is how long a dial waits for one address before it tries the next as
// well (RFC 8305, section 5).
const stagger = 250 * time.Millisecond

// open makes a link usable: it finds or makes a session and opens a stream on
// it. A link that was not answered yet lost nothing when its session proves
// superfluous, so it goes on to the session that stays.
func (t *Transport) open(l *link, o *opening, addrs []string) {
	limit := runtime.DialWait + t.config.HandshakeTimeout + 2*t.config.HelloTimeout + t.config.LinkTimeout
	ctx, cancel := context.WithTimeout(o.ctx, limit)
	defer cancel()
	defer o.cancel()
	for attempt := 1; ; attempt++ {
		s, err := t.reach(ctx, l.peer, addrs)
		if err == nil {
			err = l.openOn(ctx, o, s)
			s.release()
		}
		if err == nil {
			return // the link runs
		}
		r, _ := reasonOf(err)
		lost := r == wire.Duplicate || r == wire.Finished || r == wire.Replaced
		if lost && attempt < wire.ConnectAttempts && ctx.Err() == nil {
			continue
		}
		l.fail(r)
		return
	}
}

// reach gives a live session with a peer, dialling if need be. The session is
// held open for the caller until release.
func (t *Transport) reach(ctx context.Context, id ident.PeerID, addrs []string) (*session, error) {
	p := t.use(id)
	defer t.drop(p)
	for {
		s, d, mine, err := t.join(p, addrs)
		if err != nil {
			return nil, err
		}
		if s != nil {
			return s, nil
		}
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if d.err != nil && mine {
			// A session may have come the other way meanwhile.
			if s := t.live(p); s != nil {
				return s, nil
			}
			return nil, d.err
		}
	}
}

func (t *Transport) live(p *peer) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.session != nil && p.session.acquire() {
		return p.session
	}
	return nil
}

// join gives the session of p, or the dial to wait for, which is the caller's
// own if there was none.
func (t *Transport) join(p *peer, addrs []string) (s *session, d *dialling, mine bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.session != nil && p.session.acquire() {
		return p.session, nil, false, nil
	}
	switch {
	case t.refusing != wire.None:
		return nil, nil, false, refuse(t.refusing, "")
	case t.config.Clock.Mono() < p.refuse:
		return nil, nil, false, refuse(wire.IdentityInUse, "")
	case p.dial != nil:
		return nil, p.dial, false, nil
	case len(addrs) == 0:
		return nil, nil, false, refuse(wire.DialFailed, "no address and no session")
	}
	ctx, cancel := context.WithCancel(t.ctx)
	d = &dialling{cancel: cancel, done: make(chan struct{})}
	p.dial = d
	p.users++
	t.group.Go(func() {
		defer t.drop(p)
		t.dialPeer(ctx, p, d, addrs)
	})
	return nil, d, true, nil
}

// dialPeer connects, does the hello, and runs the session.
func (t *Transport) dialPeer(ctx context.Context, p *peer, d *dialling, addrs []string) {
	s, err := t.dialSession(ctx, p, addrs)
	t.mu.Lock()
	p.dial = nil
	t.mu.Unlock()
	d.cancel()
	d.err = err
	if s != nil {
		s.announce()
	}
	close(d.done)
	if s != nil {
		s.run()
	}
}

func (t *Transport) dialSession(ctx context.Context, p *peer, addrs []string) (*session, error) {
	leave, err := t.enterDials(ctx, p.id, addrs)
	if err != nil {
		return nil, err
	}
	defer leave()
	conn, err := t.connect(ctx, p.id, addrs)
	if err != nil {
		t.refused(p.id, err)
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(quic.ApplicationErrorCode(wire.Duplicate), "") })
	instance, stream, err := t.helloOut(ctx, conn, p.id)
	var v verdict
	if err == nil && !stop() {
		err = context.Cause(ctx)
	}
	if err == nil {
		v = t.judge(p, conn, stream, instance, true)
		v.settle()
		err = v.err
	}
	if err != nil {
		stop()
		r, _ := reasonOf(err)
		_ = conn.CloseWithError(quic.ApplicationErrorCode(r), err.Error())
		if r != wire.Duplicate {
			t.refused(p.id, err)
		}
		return nil, err
	}
	return v.session, nil
}

// enterDials waits for a place among the dials in flight. The place lasts until leave is
// called, or for runtime.DialPlace.
func (t *Transport) enterDials(ctx context.Context, peer ident.PeerID, addrs []string) (leave func(), err error) {
	places := []chan struct{}{t.dials}
	if !t.isLikely(peer, addrs) {
		places = []chan struct{}{t.unlikelyDials, t.dials}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runtime.DialWait, refuse(wire.DialWithheld, "too many dials are under way"))
	defer cancel()
	held := 0
	release := func() {
		for _, c := range places[:held] {
			<-c
		}
	}
	for _, c := range places {
		select {
		case c <- struct{}{}:
			held++
		case <-ctx.Done():
			release()
			return nil, context.Cause(ctx)
		}
	}
	once := sync.OnceFunc(release)
	timer := time.AfterFunc(runtime.DialPlace, once)
	return func() { timer.Stop(); once() }, nil
}

// connect dials addrs, each a little after the one before, and gives the first
// connection on which peer proved itself.
func (t *Transport) connect(ctx context.Context, peer ident.PeerID, addrs []string) (*quic.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.HandshakeTimeout)
	defer cancel()
	type result struct {
		conn *quic.Conn
		err  error
	}
	results := make(chan result, len(addrs))
	next := time.NewTimer(0)
	defer next.Stop()
	var worst error
	var silent []error // of the addresses that did not answer
	var winner *quic.Conn
	for started, ended := 0, 0; ended < started || started < len(addrs) && winner == nil && ctx.Err() == nil; {
		select {
		case <-next.C:
			if started < len(addrs) && winner == nil {
				addr := addrs[started]
				t.group.Go(func() {
					conn, err := t.connectTo(ctx, peer, addr)
					results <- result{conn, err}
				})
				started++
				next.Reset(stagger)
			}
		case r := <-results:
			ended++
			switch {
			case r.conn != nil && winner == nil:
				winner = r.conn
				cancel()
			case r.conn != nil:
				_ = r.conn.CloseWithError(quic.ApplicationErrorCode(wire.Duplicate), "")
			default:
				if worst == nil {
					worst = r.err
				}
				worst = moreSevere(worst, r.err)
				if reason, _ := reasonOf(r.err); reason == wire.DialFailed {
					silent = append(silent, r.err)
				}
				next.Reset(0)
			}
		}
	}
	if winner != nil {
		return winner, nil
	}
	if worst == nil {
		worst = refuse(wire.DialFailed, "no address answered")
	}
	if r, _ := reasonOf(worst); r == wire.DialFailed && len(silent) > 1 {
		worst = refuse(r, joinErrors(silent, "; "))
	}
	return nil, worst
}

// maxTold bounds the addresses in the text of an error.
const maxTold = 4

func joinErrors(errs []error, separator string) string {
	var texts []string
	for _, err := range errs[:min(len(errs), maxTold)] {
		texts = append(texts, err.Error())
	}
	if n := len(errs) - maxTold; n > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(texts, separator)
}

// noAnswer returns the error of a dial to addr that was not answered.
func (t *Transport) noAnswer(addr string, err error) error {
	var system *os.SyscallError
	var handshake *quic.HandshakeTimeoutError
	var idle *quic.IdleTimeoutError
	text := err.Error()
	switch {
	case errors.As(err, &system):
		text = system.Err.Error()
	case errors.As(err, &handshake), errors.As(err, &idle), errors.Is(err, context.DeadlineExceeded):
		text = fmt.Sprintf("no answer within %s", t.config.HandshakeTimeout)
	}
	return refuse(wire.DialFailed, addr+": "+text)
}

func moreSevere(a, b error) error {
	ra, _ := reasonOf(a)
	rb, _ := reasonOf(b)
	if rb.Severity() > ra.Severity() {
		return b
	}
	return a
}

func (t *Transport) connectTo(ctx context.Context, peer ident.PeerID, addr string) (*quic.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return nil, refuse(wire.DialFailed, fmt.Sprintf("%q is not HOST:PORT", addr))
	}
	if r := t.mayDial(peer, addr); r != wire.None {
		t.report(event.DialWithheld, peer, r, addr)
		if r == wire.WrongIdentity {
			return nil, refuse(r, "lately another peer answered at "+addr)
		}
		return nil, refuse(r, "lately "+addr+" failed, or too many addresses are new")
	}
	udp, err := resolve(ctx, addr)
	if err != nil {
		return nil, t.noAnswer(addr, err)
	}
	t.report(event.Dialling, peer, wire.None, addr)
	var there atomic.Pointer[ident.PeerID] // who answered
	config := t.tls.Clone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		id, err := peerOf(state)
		if err == nil {
			there.Store(&id)
		}
		if err == nil && id != peer {
			return wire.WrongIdentity
		}
		return err
	}
	done := t.socket.dial(udp)
	conn, err := t.quic.Dial(ctx, udp, config, t.quicConf)
	done()
	r, remote := reasonOf(err)
	found := there.Load()
	if err == nil || found != nil || !errors.Is(ctx.Err(), context.Canceled) {
		t.dialled(peer, addr, found)
	}
	switch {
	case err == nil:
		return conn, nil
	case found != nil && *found != peer:
		return nil, refuse(wire.WrongIdentity, fmt.Sprintf("peer %s answers at %s", found.Short(), addr))
	case remote && r != wire.ConnectionLost:
		return nil, err
	}
	return nil, t.noAnswer(addr, err)
}

// mayDial asks the book of dials.
func (t *Transport) mayDial(peer ident.PeerID, addr string) wire.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.book.Begin(peer, addr, t.config.Clock.Mono())
}

// isLikely reports whether a dial of peer may well find it.
func (t *Transport) isLikely(peer ident.PeerID, addrs []string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.book.Likely(peer, addrs)
}

// dialled tells the book who answered at an address, nil for nobody.
func (t *Transport) dialled(peer ident.PeerID, addr string, there *ident.PeerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var id ident.PeerID
	if there != nil {
		id = *there
	}
	t.book.End(peer, addr, id, t.config.Clock.Mono())
}

// met tells the book from where a peer came.
func (t *Transport) met(peer ident.PeerID, addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.book.Met(peer, addr, t.config.Clock.Mono())
}

// resolve looks a host name up, each time anew, and prefers IPv4, which every
// socket of ours can send to.
func resolve(ctx context.Context, addr string) (*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip != nil {
		return &net.UDPAddr{IP: ip, Port: number}, nil
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, ip := range ips {
		if ip.IP.To4() != nil {
			return &net.UDPAddr{IP: ip.IP, Port: number}, nil
		}
	}
	if len(ips) == 0 {
		return nil, errors.New("host name without address")
	}
	return &net.UDPAddr{IP: ips[0].IP, Port: number, Zone: ips[0].Zone}, nil
}
