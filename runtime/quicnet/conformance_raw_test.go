package quicnet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/transporttest"
	"github.com/smalti/smalti/runtime/wire"
)

// Raw speaks to a node with a QUIC stack of its own, byte by byte. It runs off
// the task: a task waits only in Await.
func (w *realWorld) Raw(ctx context.Context, to *runtime.Env, r transporttest.Raw, limit time.Duration) wire.Reason {
	var result runtime.Watch[[]wire.Reason]
	conn, err := w.listen("raw")
	if err != nil {
		return wire.None
	}
	go func() {
		reason := speak(conn, to.Transport.Addrs()[0], r, limit)
		_ = conn.Close()
		result.Set([]wire.Reason{reason})
	}()
	got, err := result.Wait(ctx, w.env, func(got []wire.Reason) bool { return len(got) > 0 })
	if err != nil {
		return wire.None
	}
	return got[0]
}

// speak does r and tells how the node ended it.
func speak(socket net.PacketConn, addr string, r transporttest.Raw, limit time.Duration) wire.Reason {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return wire.None
	}
	tr := &quic.Transport{Conn: socket}
	defer func() { _ = tr.Close() }()
	conn, err := tr.Dial(ctx, to, rawTLS(), &quic.Config{MaxIdleTimeout: time.Minute})
	if err != nil {
		return ended(err)
	}
	defer func() { _ = conn.CloseWithError(1, "") }()
	if r.Hello {
		if err := sayHello(ctx, conn); err != nil {
			return ended(err)
		}
	}
	if r.Bytes == nil {
		<-withLimit(ctx, conn)
		return ended(context.Cause(conn.Context()))
	}
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return ended(err)
	}
	_ = stream.SetDeadline(time.Now().Add(limit))
	if _, err := stream.Write(r.Bytes); err != nil {
		return ended(err)
	}
	if r.Finish {
		_ = stream.Close()
	}
	_, err = io.Copy(io.Discard, stream)
	return ended(err)
}

// withLimit gives a channel that is closed when the connection ended or ctx
// did.
func withLimit(ctx context.Context, conn *quic.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-conn.Context().Done():
		case <-ctx.Done():
		}
	}()
	return done
}

// ended gives the reason that the node gave, None if it gave none.
func ended(err error) wire.Reason {
	var stream *quic.StreamError
	var app *quic.ApplicationError
	switch {
	case errors.As(err, &stream) && stream.Remote:
		return wire.Reason(stream.ErrorCode)
	case errors.As(err, &app) && app.Remote:
		return wire.Reason(app.ErrorCode)
	}
	return wire.None
}

// sayHello is the dialler's hello, word by word.
func sayHello(ctx context.Context, conn *quic.Conn) error {
	stream, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	hello := wire.MustMarshal(wire.Hello{
		VersionMin: wire.VersionMin,
		VersionMax: wire.VersionMax,
		Network:    ident.Network("transporttest"),
		Instance:   wire.Instance{7},
	})
	framed := wire.AppendFrame(nil, 0, wire.FrameMessage, hello)
	if _, err := stream.Write(append(framed, framed...)); err != nil {
		return err
	}
	// The acceptor's two words, each as long as what its first byte of length says.
	for range 2 {
		var head [2]byte
		if _, err := io.ReadFull(stream, head[:]); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, stream, int64(head[1])); err != nil {
			return err
		}
	}
	return nil
}

// rawKey is the identity of the misbehaving peer.
var rawKey = ident.KeyFromSeed(runtime.SeedOf(99))

func rawTLS() *tls.Config {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	private := rawKey.Private()
	der, err := x509.CreateCertificate(nil, template, template, private.Public().(ed25519.PublicKey), private)
	if err != nil {
		panic(err)
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"smalti/1"},
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		InsecureSkipVerify: true, // what the node is, is not the question here
	}
}
