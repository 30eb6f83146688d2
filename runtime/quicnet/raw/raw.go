package raw

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
)

// Chunk is the size of a write, in bytes: large enough that the cost of a call
// vanishes.
const Chunk = 64 << 10

// Bench is a server that writes to streams on loopback, and clients that read
// from them, each with a socket and a connection of its own. Open makes one.
type Bench struct {
	closers []func()
	writers []*quic.SendStream
	readers []*quic.ReceiveStream
	chunk   []byte
}

// Open connects so many clients.
func Open(ctx context.Context, connections int) (*Bench, error) {
	b := &Bench{chunk: make([]byte, Chunk)}
	if err := b.open(ctx, connections); err != nil {
		b.Close()
		return nil, fmt.Errorf("set up plain QUIC: %w", err)
	}
	return b, nil
}

func (b *Bench) open(ctx context.Context, connections int) error {
	certificate, err := selfSigned()
	if err != nil {
		return err
	}
	const protocol = "bench"
	server := &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
	// The clients are in this process and ask for nothing secret.
	client := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}, MinVersion: tls.VersionTLS13}
	accepting, err := b.transport()
	if err != nil {
		return err
	}
	listener, err := accepting.Listen(server, nil)
	if err != nil {
		return err
	}
	for range connections {
		dialling, err := b.transport()
		if err != nil {
			return err
		}
		near, err := dialling.Dial(ctx, listener.Addr(), client, nil)
		if err != nil {
			return err
		}
		far, err := listener.Accept(ctx)
		if err != nil {
			return err
		}
		writer, err := far.OpenUniStreamSync(ctx)
		if err != nil {
			return err
		}
		if _, err := writer.Write([]byte{0}); err != nil { // nobody hears of a silent stream
			return err
		}
		reader, err := near.AcceptUniStream(ctx)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(reader, make([]byte, 1)); err != nil {
			return err
		}
		b.writers, b.readers = append(b.writers, writer), append(b.readers, reader)
	}
	return nil
}

// transport opens a socket on loopback.
func (b *Bench) transport() (*quic.Transport, error) {
	socket, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	t := &quic.Transport{Conn: socket}
	b.closers = append(b.closers, func() {
		_ = t.Close()
		_ = socket.Close()
	})
	return t, nil
}

// Carry carries so many bytes over each connection and gives the time until all
// of them were read. After an error, or past the deadline of ctx, the bench is
// of no more use.
func (b *Bench) Carry(ctx context.Context, bytes int) (time.Duration, error) {
	var mu sync.Mutex
	var failed error
	keep := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = errors.Join(failed, err)
	}
	deadline, _ := ctx.Deadline()
	var all sync.WaitGroup
	began := time.Now()
	for i := range b.writers {
		all.Go(func() { keep(b.write(b.writers[i], bytes, deadline)) })
		all.Go(func() { keep(b.read(b.readers[i], bytes, deadline)) })
	}
	all.Wait()
	took := time.Since(began)
	if failed != nil {
		return 0, fmt.Errorf("carry bytes over plain QUIC: %w", failed)
	}
	return took, nil
}

func (b *Bench) write(s *quic.SendStream, bytes int, deadline time.Time) error {
	if err := s.SetWriteDeadline(deadline); err != nil {
		return err
	}
	for bytes > 0 {
		n, err := s.Write(b.chunk[:min(bytes, len(b.chunk))])
		if err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}

func (b *Bench) read(s *quic.ReceiveStream, bytes int, deadline time.Time) error {
	if err := s.SetReadDeadline(deadline); err != nil {
		return err
	}
	buffer := make([]byte, Chunk)
	for bytes > 0 {
		n, err := s.Read(buffer[:min(bytes, len(buffer))])
		if err != nil {
			return err
		}
		bytes -= n
	}
	return nil
}

// Close ends all connections at once. Twice is fine.
func (b *Bench) Close() {
	for _, c := range b.closers {
		c()
	}
	b.closers = nil
}

// selfSigned makes a certificate for the length of a bench.
func selfSigned() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
