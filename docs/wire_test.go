// Package docs_test holds the documents to what the code does.
package docs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

var update = flag.Bool("update", false, "write the examples of wire.md anew")

// block is an example in wire.md: a marker and the code block below it.
var block = regexp.MustCompile("(?s)<!-- example: ([a-z-]+) -->\n```text\n(.*?)```\n")

func TestWireExamplesAreWhatTheCodeEncodes(t *testing.T) {
	data, err := os.ReadFile("wire.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := examples(t)
	shown := map[string]bool{}
	fresh := block.ReplaceAllStringFunc(string(data), func(text string) string {
		match := block.FindStringSubmatch(text)
		want, ok := examples[match[1]]
		if !ok || shown[match[1]] {
			t.Errorf("example %s is unknown or stands twice", match[1])
		}
		shown[match[1]] = true
		if diff := cmp.Diff(match[2], want); diff != "" && !*update {
			t.Errorf("example %s is out of date (-document +code); go test ./docs -update writes it anew:\n%s", match[1], diff)
		}
		return strings.TrimSuffix(text, match[2]+"```\n") + want + "```\n"
	})
	for name, text := range examples {
		if !shown[name] {
			t.Errorf("wire.md has no example %s", name)
		}
		if strings.TrimSpace(text) == "" {
			t.Errorf("example %s is empty", name)
		}
	}
	if *update {
		if err := os.WriteFile("wire.md", []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReasonTableIsComplete(t *testing.T) {
	data, err := os.ReadFile("wire.md")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]+) \\| `([a-z-]+)` \\| [^|]+ \\|$").FindAllStringSubmatch(string(data), -1) {
		got = append(got, row[1]+" "+row[2])
	}
	var want []string
	for _, r := range wire.Reasons() {
		want = append(want, fmt.Sprintf("%d %s", uint16(r), r))
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("reasons (-document +code):\n%s", diff)
	}
}

// Fixed values of the examples.
var (
	network  = ident.Network("example")
	dialler  = ident.KeyFromSeed([32]byte{1})
	acceptor = ident.KeyFromSeed([32]byte{2})
	secret   = wire.Secret{3}
	exporter = bytes.Repeat([]byte{4}, 32)
)

// examples gives the text of each example: hexadecimal digits, and what CBOR
// in them says.
func examples(t *testing.T) map[string]string {
	hello := wire.Hello{VersionMin: 1, VersionMax: 1, Network: network, Instance: wire.Instance{5}}
	proof := func(role wire.Role) wire.Hello {
		h := hello
		h.Proof = secret.Proof(role, dialler.PeerID(), acceptor.PeerID(), network, exporter)
		return h
	}
	helloFrame := func(h wire.Hello) string {
		b := wire.MustMarshal(h)
		return dump(t, wire.AppendFrame(nil, 0, wire.FrameMessage, b), b)
	}
	said, crowded := record(t, 0), record(t, 40)
	return map[string]string{
		"frame-message":  dump(t, wire.AppendFrame(nil, 3, wire.FrameMessage, []byte("hello")), nil),
		"frame-open":     dump(t, wire.AppendFrame(nil, 3, wire.FrameOpen, append(binary.AppendUvarint(nil, wire.LinkWindow), stream.Protocol...)), nil),
		"frame-accept":   dump(t, wire.AppendUvarintFrame(nil, 3, wire.FrameAccept, wire.LinkWindow), nil),
		"frame-credit":   dump(t, wire.AppendUvarintFrame(nil, 3, wire.FrameCredit, wire.LinkWindow/4), nil),
		"frame-want":     dump(t, wire.AppendUvarintFrame(nil, 3, wire.FrameWant, wire.DefaultDatum), nil),
		"frame-goodbye":  dump(t, wire.AppendReasonFrame(nil, 3, wire.FrameGoodbye, wire.GracefulShutdown), nil),
		"frame-reset":    dump(t, wire.AppendReasonFrame(nil, 3, wire.FrameReset, wire.Expired), nil),
		"frame-ping":     dump(t, wire.AppendFrame(nil, 0, wire.FramePing, []byte{1, 2, 3, 4, 5, 6, 7, 8}), nil),
		"hello-dialler":  helloFrame(hello),
		"hello-acceptor": helloFrame(proof(wire.Acceptor)),
		"hello-proof":    helloFrame(proof(wire.Dialler)),
		"subscribe":      dump(t, said["subscribe"], said["subscribe"]),
		"start":          dump(t, said["start"], said["start"][1:]),
		"datum":          dump(t, said["datum"], nil),
		"gap":            dump(t, gap, nil),
		"progress":       dump(t, said["progress"], nil),
		"waiting":        dump(t, said["waiting"], nil),
		"sync-spans":     dump(t, crowded["spans"], crowded["spans"]),
		"sync-lists":     dump(t, said["lists"], said["lists"]),
		"sync-entries":   dump(t, said["entries"], said["entries"]),
		"entry":          dump(t, entry(t), entry(t)[ident.SignatureSize:]),
		"departure":      dump(t, departure(t), departure(t)[ident.SignatureSize:]),
		"suspicion":      dump(t, suspicion(t), suspicion(t)[ident.SignatureSize:]),
		"gossip":         dump(t, said["departures"], said["departures"]),
	}
}

// dump prints bytes, and the diagnostic notation of the CBOR in them.
func dump(t *testing.T, b, inside []byte) string {
	t.Helper()
	text := wrap(hex.EncodeToString(b), "")
	if inside != nil {
		notation, err := cbor.Diagnose(inside)
		if err != nil {
			t.Fatal(err)
		}
		text += wrap(notation, "  ")
	}
	return text
}

func wrap(text, indent string) string {
	const width = 96
	var lines strings.Builder
	for len(text) > width {
		lines.WriteString(indent + text[:width] + "\n")
		text = text[width:]
	}
	return lines.String() + indent + text + "\n"
}

func entry(t *testing.T) []byte {
	t.Helper()
	signed, err := discovery.Sign(&discovery.Entry{
		Protocol: discovery.EntryProtocol, Network: network, Peer: dialler.PeerID(),
		Version: discovery.Version{Started: 1_700_000_000_000, Updated: 1_700_000_000_001},
		Addrs:   []string{"192.0.2.1:4701"},
		Tags:    []ident.Tag{ident.NewTag("gold")},
		Streams: []ident.StreamPrefix{ident.Stream("prices").Prefix()},
		Tickets: []ticket.Ticket{{Class: ticket.NewClass("example.com/ticket/1"), Data: []byte("let me in")}},
	}, dialler)
	if err != nil {
		t.Fatal(err)
	}
	return signed.Raw
}

func departure(t *testing.T) []byte {
	t.Helper()
	d, err := discovery.SignDeparture(network, discovery.Version{Started: 1_700_000_000_000, Updated: 1_700_000_000_001}, dialler)
	if err != nil {
		t.Fatal(err)
	}
	return d.Raw()
}

func suspicion(t *testing.T) []byte {
	t.Helper()
	s, err := discovery.SignSuspicion(network, acceptor.PeerID(), discovery.Version{Started: 1_700_000_000_000, Updated: 1_700_000_000_001}, dialler)
	if err != nil {
		t.Fatal(err)
	}
	return s.Raw()
}

// gap tells that datum 2 is missing.
var gap = []byte{2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1}

// record runs two nodes, of which one sends three datums and then leaves, and
// gives the messages that they said. In place of the second datum the consumer
// is told the example of a gap. The second knows a crowd of other nodes too.
func record(t *testing.T, crowd int) map[string][]byte {
	t.Helper()
	said := map[string][]byte{}
	first := func(name string, b []byte) {
		if said[name] == nil {
			said[name] = bytes.Clone(b)
		}
	}
	hear := func(protocol string, b []byte) []byte {
		switch {
		case protocol == discovery.GossipProtocol:
			var m struct {
				Departures []cbor.RawMessage `cbor:"2,keyasint"`
			}
			if err := cbor.Unmarshal(b, &m); err != nil {
				t.Error(err)
			} else if len(m.Departures) > 0 {
				first("departures", b)
			}
		case protocol != stream.Protocol:
			var m struct {
				Spans   []cbor.RawMessage `cbor:"1,keyasint"`
				Lists   []cbor.RawMessage `cbor:"5,keyasint"`
				Entries [][]byte          `cbor:"2,keyasint"`
			}
			switch err := cbor.Unmarshal(b, &m); {
			case err != nil:
				t.Error(err)
			case m.Spans != nil:
				first("spans", b)
			case m.Lists != nil:
				first("lists", b)
			case len(m.Entries) > 0:
				first("entries", b)
			}
		case b[0] == 0:
			first("start", b)
		case b[0] == 1 && len(b) == 9: // a report of the consumer, the last one that is known
			said["progress"] = b
		case b[0] == 2 && len(b) == 9:
			first("waiting", b)
		case b[0] == 1 && b[8] == 2:
			return gap
		case b[0] == 1:
			first("datum", b)
		default:
			first("subscribe", b)
		}
		return b
	}
	w := sim.New(sim.Config{Seed: 1})
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	start := func(name string, run func(ctx context.Context, n *node.Node) error) {
		host, a := w.Host(name), w.Host("a")
		host.Boot(func(ctx context.Context, env *runtime.Env) {
			env.Transport = &spyTransport{env.Transport, hear}
			config := discovery.Config{Network: host.Config().Network, Key: host.Key()}
			if name != "a" {
				config.Bootstrap = []discovery.Endpoint{{Peer: a.Key().PeerID(), Addrs: []string{a.Addr()}}}
			}
			n, err := node.New(env, node.Config{Discovery: config})
			if err == nil {
				err = run(ctx, n)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	start("a", func(ctx context.Context, n *node.Node) error {
		p, err := stream.Produce(n.Streams(), "prices", stream.ProducerConfig{}, stream.WithCodec[[]byte](stream.Bytes{}))
		for i := 0; i < 3 && err == nil; i++ {
			_, err = p.Send(ctx, []byte("42"))
		}
		return errors.Join(err, n.Env().Sleep(ctx, 5*time.Second), n.Close(ctx))
	})
	var got []string
	start("b", func(ctx context.Context, n *node.Node) error {
		for i := range crowd {
			key := ident.KeyFromSeed([32]byte{9, byte(i)})
			e, err := discovery.Sign(&discovery.Entry{
				Protocol: discovery.EntryProtocol, Network: w.Host("b").Config().Network, Peer: key.PeerID(), Version: n.Discovery().Me().Version,
			}, key)
			if err != nil {
				return err
			}
			if err := n.Discovery().Feed(ctx, e.Raw); err != nil {
				return err
			}
		}
		c, err := stream.Consume(n.Streams(), "prices", stream.ConsumerConfig{}, stream.WithCodec[[]byte](stream.Bytes{}))
		if err != nil {
			return err
		}
		if err := n.Env().Sleep(ctx, 3*time.Second); err != nil { // meanwhile the datums wait
			return err
		}
		for len(got) < 3 {
			d, err := c.Recv(ctx)
			if missed, ok := errors.AsType[*stream.Gap](err); ok {
				got = append(got, fmt.Sprintf("gap %d to %d", missed.From, missed.To))
			} else if err == nil {
				got = append(got, fmt.Sprintf("%d %s", d.Seq, d.Value))
			} else {
				return err
			}
		}
		return nil
	})
	if err := w.Run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, []string{"1 42", "gap 2 to 2", "3 42"}); diff != "" {
		t.Errorf("what the consumer received (-got +want):\n%s", diff)
	}
	return said
}

// spyTransport shows every message that is sent to hear, which may replace it.
type spyTransport struct {
	runtime.Transport
	hear func(protocol string, b []byte) []byte
}

func (s *spyTransport) Dial(peer ident.PeerID, addrs []string, protocol runtime.Protocol, strand runtime.Strand, h runtime.Handler) runtime.Link {
	return &spyLink{s.Transport.Dial(peer, addrs, protocol, strand, h), s.hear}
}

func (s *spyTransport) Listen(protocol runtime.Protocol, strand runtime.Strand, accept func(runtime.Link)) (stop func(), err error) {
	return s.Transport.Listen(protocol, strand, func(l runtime.Link) { accept(&spyLink{l, s.hear}) })
}

type spyLink struct {
	runtime.Link
	hear func(protocol string, b []byte) []byte
}

func (l *spyLink) Send(messages ...[]byte) (int, error) {
	heard := make([][]byte, len(messages))
	for i, m := range messages {
		heard[i] = l.hear(l.Protocol(), m)
	}
	return l.Link.Send(heard...)
}
