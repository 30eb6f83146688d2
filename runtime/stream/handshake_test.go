package stream_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/invariants"
	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// dialled is a link that a test opens by hand.
type dialled struct {
	link   runtime.Link
	heard  [][]byte
	closed *runtime.Closed
	at     time.Duration // when it was closed
	b      *bed
}

func (d *dialled) OnOpen()            {}
func (d *dialled) OnMessage(m []byte) { d.heard = append(d.heard, m) }
func (d *dialled) OnWritable()        {}
func (d *dialled) OnClosed(c runtime.Closed) {
	d.closed, d.at = &c, d.b.Now()
}

// dial opens a link from host c to host p, and sends messages on it.
func (b *bed) dial(first ...[]byte) *dialled {
	env := b.nodes["c"].Env()
	d := &dialled{b: b}
	s := env.Scheduler.Strand("dialled")
	s.Post(func() {
		d.link = env.Transport.Dial(b.id("p"), []string{b.Host("p").Addr()}, runtime.Protocol{Name: stream.Protocol}, s, d)
		_, _ = d.link.Send(first...)
	})
	b.run(time.Second)
	return d
}

func TestHandshakeThatNeverSpeaksIsEnded(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	b.run(time.Second)
	begin := b.Now()
	d := b.dial()
	b.within(10*time.Second, "end", func() bool { return d.closed != nil })
	if took := d.at - begin; d.closed.Reason != wire.HandshakeTimeout || took < 5*time.Second || took > 6*time.Second {
		t.Errorf("closed after %s: %v, want handshake-timeout after 5s", took, d.closed)
	}
	if n := b.count("p", event.HandshakeRefused, wire.HandshakeTimeout); n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

func TestHandshakesAreBoundedAndTheirPlacesGivenBack(t *testing.T) {
	const most, more = 512, 6 // of one peer at once
	b := newBed(t, 1)
	for _, host := range []string{"p", "c", "d"} { // the transport, too, has its bounds
		b.Host(host).Configure(func(c *sim.HostConfig) {
			c.Endpoint = func(e *netsim.EndpointConfig) { e.LinksPerPeer, e.MaxUnbound = 2*most, 2*most }
		})
		b.boot(host)
	}
	p := b.produce("p", stream.ProducerConfig{})
	b.run(2 * time.Second)
	var all []*dialled
	for _, from := range []string{"c", "d"} {
		env := b.nodes[from].Env()
		s := env.Scheduler.Strand("dialled")
		s.Post(func() {
			for range most + more {
				d := &dialled{b: b}
				d.link = env.Transport.Dial(b.id("p"), []string{b.Host("p").Addr()}, runtime.Protocol{Name: stream.Protocol}, s, d)
				all = append(all, d)
			}
		})
	}
	b.run(6 * time.Second)
	ends := map[wire.Reason]int{}
	for _, d := range all {
		if d.closed != nil {
			ends[d.closed.Reason]++
		}
	}
	if ends[wire.Overloaded] != 2*more || ends[wire.HandshakeTimeout] != 2*most {
		t.Errorf("of %d handshakes that never speak: %v, want %d of each peer at once and the others overloaded", len(all), ends, most)
	}
	b.consume("c", stream.ConsumerConfig{})
	b.within(5*time.Second, "consumer", subscribed(1, p))
}

func TestMalformedFirstMessageIsAViolation(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c")
	b.produce("p", stream.ProducerConfig{})
	b.run(2 * time.Second)
	for _, c := range []struct {
		what  string
		first [][]byte
		want  wire.Reason
	}{
		{"garbage", [][]byte{{0xff}}, wire.ProtocolViolation},
		{"nothing", [][]byte{{}}, wire.ProtocolViolation},
		{"too large", [][]byte{make([]byte, wire.MaxHandshake+1)}, wire.ProtocolViolation},
		{"no version", [][]byte{subscribe(0, name)}, wire.VersionMismatch},
		{"another stream", [][]byte{subscribe(1, "other")}, wire.StreamNotFound},
		{"half a report", [][]byte{subscribe(1, name), {1}}, wire.ProtocolViolation},
	} {
		if d := b.dial(c.first...); d.closed == nil || d.closed.Reason != c.want {
			t.Errorf("%s: got %v, want %s", c.what, d.closed, c.want)
		}
	}
	if n := b.count("p", event.HandshakeRefused); n != 5 {
		t.Errorf("%d of 6 were refused before a producer judged them, want 5", n)
	}
	if began, ended := b.count("p", event.HandshakeBegan), b.count("p", event.HandshakeEnded); began != 6 || ended != 6 || b.last("p", event.HandshakeEnded).From != 6 {
		t.Errorf("%d handshakes began and %d ended, the last as number %d; want 6", began, ended, b.last("p", event.HandshakeEnded).From)
	}
	if e := b.last("p", event.HandshakeRefused); e.Stream != ident.Stream("other") || e.Peer != b.id("c") || e.Reason != wire.StreamNotFound {
		t.Errorf("got %s, want c refused the other stream", e.Event)
	}
}

func subscribe(version uint16, name string) []byte {
	return wire.MustMarshal(struct {
		Version uint16         `cbor:"1,keyasint"`
		Stream  ident.StreamID `cbor:"2,keyasint"`
	}{version, ident.Stream(name)})
}

// What a consumer says after start shows that it heard of its admission: it counts for itself
// from there on.
func TestConsumerThatReportsHeardOfItsAdmission(t *testing.T) {
	b := newBedWith(t, 1, invariants.Options{Byzantine: []string{"c"}}, "p", "c")
	p := b.produce("p", stream.ProducerConfig{Online: stream.AtLeast(0)})
	b.run(2 * time.Second)
	hello := wire.MustMarshal(struct {
		Version  uint16         `cbor:"1,keyasint"`
		Stream   ident.StreamID `cbor:"2,keyasint"`
		Consumer uint64         `cbor:"5,keyasint"`
	}{1, ident.Stream(name), 77})
	for i, x := range []struct {
		says  [][]byte
		first uint64
	}{
		{nil, 0}, {nil, 1}, {[][]byte{progress(2)}, 1}, {nil, 0}, {nil, 4},
	} {
		d := b.dial(append([][]byte{hello}, x.says...)...)
		var start struct {
			Next  uint64 `cbor:"3,keyasint"`
			First uint64 `cbor:"6,keyasint"`
		}
		if len(d.heard) == 0 {
			t.Fatalf("attempt %d: heard nothing", i+1)
		}
		must(wire.Unmarshal(d.heard[0][1:], wire.MaxHandshake, &start))
		if want := uint64(i + 1); start.Next != want || start.First != x.first {
			t.Errorf("attempt %d starts at %d, first %d, want %d and %d", i+1, start.Next, start.First, want, x.first)
		}
		b.sendAll(p, i, i)
		d.link.Close(wire.ConnectionLost)
		b.run(time.Second)
	}
}

// Nodes that are in no catalog, and open links that say nothing, leave room for those that are.
func TestSilentStrangersKeepNoPeerFromAStream(t *testing.T) {
	b := newBed(t, 1, "p", "c")
	p := b.produce("p", stream.ProducerConfig{})
	b.run(2 * time.Second)
	silent := 0
	for i := range 12 { // of 16 links each
		host := fmt.Sprintf("stranger%d", i)
		b.config[host] = func(c *discovery.Config) { c.Bootstrap = nil }
		b.boot(host)
		env := b.nodes[host].Env()
		s := env.Scheduler.Strand("silent")
		var again func()
		again = func() {
			silent++
			d := &silentLink{again: func() { env.Clock.AfterFunc(s, 10*time.Millisecond, again) }}
			env.Transport.Dial(b.id("p"), []string{b.Host("p").Addr()}, runtime.Protocol{Name: stream.Protocol}, s, d)
		}
		for range 16 {
			s.Post(again)
		}
	}
	b.run(3 * time.Second)
	if n := b.count("p", event.HandshakeRefused, wire.Overloaded); n == 0 || silent < 12*16 {
		t.Fatalf("%d silent links and %d of them refused, want more", silent, n)
	}
	b.consume("c", stream.ConsumerConfig{})
	b.within(time.Second, "consumer", subscribed(1, p))
}

// silentLink is a link that says nothing and is opened again when it ends.
type silentLink struct{ again func() }

func (*silentLink) OnOpen()                   {}
func (*silentLink) OnMessage([]byte)          {}
func (*silentLink) OnWritable()               {}
func (d *silentLink) OnClosed(runtime.Closed) { d.again() }
