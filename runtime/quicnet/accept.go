package quicnet

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// halfOpen counts one inbound connection until its hello is over.
type halfOpen struct {
	count *atomic.Int64
	once  sync.Once
}

func (h *halfOpen) done() { h.once.Do(func() { h.count.Add(-1) }) }

type halfOpenKey struct{}

var errFull = errors.New("too many connections")

// admit is asked by QUIC for each connection that a peer dials, before any
// cryptography.
func (t *Transport) admit(ctx context.Context, _ *quic.ClientInfo) (context.Context, error) {
	if t.inbound.Add(1) > int64(t.config.Connections) {
		t.inbound.Add(-1)
		go t.makeRoom() // for the next that asks
		return nil, errFull
	}
	h := &halfOpen{count: &t.halfOpen}
	t.halfOpen.Add(1)
	context.AfterFunc(ctx, func() {
		h.done()
		t.inbound.Add(-1)
	})
	return context.WithValue(ctx, halfOpenKey{}, h), nil
}

// makeRoom closes a session that nobody uses.
func (t *Transport) makeRoom() {
	t.mu.Lock()
	s := t.evict(func(s *session) bool { return !s.dialled })
	t.mu.Unlock()
	if s != nil {
		_ = s.conn.CloseWithError(quic.ApplicationErrorCode(wire.Finished), "")
	}
}

// serve accepts connections until the listener is closed.
func (t *Transport) serve() {
	for {
		conn, err := t.listener.Accept(t.ctx)
		if err != nil {
			if t.ctx.Err() == nil {
				if cause := t.socket.failure(); cause != nil {
					err = cause
				}
				t.fail(err)
			}
			return
		}
		t.group.Go(func() { t.welcome(conn) })
	}
}

// welcome does the hello of a connection that a peer dialled.
func (t *Transport) welcome(conn *quic.Conn) {
	if h, ok := conn.Context().Value(halfOpenKey{}).(*halfOpen); ok {
		defer h.done()
	}
	id, err := peerOf(conn.ConnectionState().TLS)
	var s *session
	if err == nil {
		s, err = t.receive(conn, id)
	}
	if err != nil {
		r, _ := reasonOf(err)
		_ = conn.CloseWithError(quic.ApplicationErrorCode(r), err.Error())
		t.refused(id, err)
		return
	}
	t.met(id, conn.RemoteAddr().String())
	s.announce()
	s.run()
}

func (t *Transport) receive(conn *quic.Conn, id ident.PeerID) (*session, error) {
	if id == t.local {
		return nil, refuse(wire.IdentityInUse, "the dialler has our own key")
	}
	ctx, cancel := context.WithTimeout(t.ctx, t.config.HelloTimeout)
	defer cancel()
	instance, stream, err := t.helloIn(ctx, conn, id)
	if err != nil {
		return nil, err
	}
	p := t.use(id)
	defer t.drop(p)
	v := t.judge(p, conn, stream, instance, false)
	for v.hold != nil {
		t.hold(p, 1)
		select {
		case <-v.hold:
		case <-conn.Context().Done():
		case <-t.ctx.Done():
		}
		t.hold(p, -1)
		if conn.Context().Err() != nil {
			return nil, context.Cause(conn.Context())
		}
		v = t.judge(p, conn, stream, instance, false)
	}
	v.settle()
	if v.err != nil {
		return nil, v.err
	}
	if err := t.answer(stream); err != nil {
		v.session.close(wire.ConnectionLost, "")
	}
	return v.session, nil
}

func (t *Transport) hold(p *peer, n int) {
	t.mu.Lock()
	p.held += n
	t.mu.Unlock()
}
