package quicnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

func (t *Transport) hello() wire.Hello {
	return wire.Hello{VersionMin: t.config.VersionMin, VersionMax: t.config.VersionMax, Network: t.config.Network, Instance: t.config.Instance}
}

func (t *Transport) prove(role wire.Role, dialler, acceptor ident.PeerID, exporter []byte) []byte {
	if len(t.config.Secrets) == 0 {
		return nil
	}
	return t.config.Secrets[0].Proof(role, dialler, acceptor, t.config.Network, exporter)
}

// checkHello compares a peer's hello with ours.
func (t *Transport) checkHello(h wire.Hello) error {
	if h.Network != t.config.Network {
		return refuse(wire.DifferentNetwork, "peer is of network "+h.Network.Short())
	}
	if _, err := wire.Negotiate(t.hello(), h); err != nil {
		return refuse(wire.VersionMismatch, err.Error())
	}
	return nil
}

func (t *Transport) checkProof(proof []byte, role wire.Role, dialler, acceptor ident.PeerID, exporter []byte) error {
	if !wire.CheckProof(t.config.Secrets, proof, role, dialler, acceptor, t.config.Network, exporter) {
		return refuse(wire.NotMember, "")
	}
	return nil
}

// helloOut is the dialler's side of the hello. It returns when the acceptor
// had its last word, which may wait for a dial of the acceptor's own. The stream stays.
func (t *Transport) helloOut(ctx context.Context, conn *quic.Conn, peer ident.PeerID) (instance wire.Instance, stream *quic.Stream, err error) {
	exporter, err := exportKey(conn, wire.ExporterLabel, nil)
	if err != nil {
		return instance, nil, err
	}
	if stream, err = conn.OpenStreamSync(ctx); err != nil {
		return instance, nil, err
	}
	_ = stream.SetDeadline(time.Now().Add(t.config.HelloTimeout))
	if err := writeHello(stream, t.hello()); err != nil {
		return instance, nil, err
	}
	theirs, err := readHello(stream)
	if err != nil {
		return instance, nil, err
	}
	if err := t.checkHello(theirs); err != nil {
		return instance, nil, err
	}
	if err := t.checkProof(theirs.Proof, wire.Acceptor, t.local, peer, exporter); err != nil {
		return instance, nil, err
	}
	mine := t.hello()
	mine.Proof = t.prove(wire.Dialler, t.local, peer, exporter)
	_ = stream.SetDeadline(time.Now().Add(t.config.HandshakeTimeout + t.config.HelloTimeout))
	if err := writeHello(stream, mine); err != nil {
		return instance, nil, err
	}
	if _, err := readHello(stream); err != nil {
		return instance, nil, err
	}
	_ = stream.SetDeadline(time.Time{})
	return theirs.Instance, stream, nil
}

// helloIn is the acceptor's side up to its last word, which answer speaks.
func (t *Transport) helloIn(ctx context.Context, conn *quic.Conn, peer ident.PeerID) (instance wire.Instance, stream *quic.Stream, err error) {
	exporter, err := exportKey(conn, wire.ExporterLabel, nil)
	if err != nil {
		return instance, nil, err
	}
	if stream, err = conn.AcceptStream(ctx); err != nil {
		return instance, nil, err
	}
	deadline, _ := ctx.Deadline()
	_ = stream.SetDeadline(deadline)
	theirs, err := readHello(stream)
	if err != nil {
		return instance, nil, err
	}
	if err := t.checkHello(theirs); err != nil {
		return instance, nil, err
	}
	mine := t.hello()
	mine.Proof = t.prove(wire.Acceptor, peer, t.local, exporter)
	if err := writeHello(stream, mine); err != nil {
		return instance, nil, err
	}
	last, err := readHello(stream)
	if err != nil {
		return instance, nil, err
	}
	if err := t.checkProof(last.Proof, wire.Dialler, peer, t.local, exporter); err != nil {
		return instance, nil, err
	}
	return theirs.Instance, stream, nil
}

func (t *Transport) answer(stream *quic.Stream) error {
	_ = stream.SetDeadline(time.Time{})
	return writeHello(stream, t.hello())
}

func writeHello(w io.Writer, h wire.Hello) error {
	m := wire.MustMarshal(h)
	_, err := w.Write(wire.AppendFrame(nil, 0, wire.FrameMessage, m))
	return err
}

func readHello(r io.Reader) (wire.Hello, error) {
	header, payload, err := readFrame(r, wire.MaxHello)
	if err != nil {
		return wire.Hello{}, fmt.Errorf("read hello: %w", err)
	}
	if header.Kind != wire.FrameMessage || header.Link != 0 {
		return wire.Hello{}, refuse(wire.ProtocolViolation, "read hello: another frame")
	}
	h, err := wire.ParseHello(payload)
	if err != nil {
		return wire.Hello{}, refuse(wire.ProtocolViolation, err.Error())
	}
	if h.Refused != wire.None {
		return wire.Hello{}, refuse(h.Refused, "")
	}
	return h, nil
}

// readFrame reads one small frame and not a byte more.
func readFrame(r io.Reader, limit int) (h wire.FrameHeader, payload []byte, err error) {
	var head [wire.MaxFrameHeader]byte
	for have := 1; h.Len == 0; have++ {
		if _, err := io.ReadFull(r, head[have-1:have]); err != nil {
			return h, nil, truncated(err)
		}
		if h, err = wire.ParseFrameHeader(head[:have], limit); err != nil {
			return h, nil, refuse(violation(err), err.Error())
		}
	}
	payload = make([]byte, h.Size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return h, nil, truncated(err)
	}
	return h, payload, nil
}

// violation is the reason for a frame that does not parse.
func violation(err error) wire.Reason {
	if errors.Is(err, wire.TooLarge) {
		return wire.TooLarge
	}
	return wire.ProtocolViolation
}

func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return refuse(wire.ProtocolViolation, "stream ends within a frame")
	}
	return err
}

func exportKey(conn *quic.Conn, label string, context []byte) ([]byte, error) {
	state := conn.ConnectionState().TLS
	key, err := state.ExportKeyingMaterial(label, context, 32)
	if err != nil {
		return nil, fmt.Errorf("export key: %w", err)
	}
	return key, nil
}
