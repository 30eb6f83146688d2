package transporttest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// ScriptNet is the network of Script. Its bandwidth-delay product, 20 KB, is
// below the initial window of QUIC's congestion control (RFC 9002, section
// 7.2), so that bandwidth and not slow start decides: the simulated network
// has no congestion control.
var ScriptNet = Net{Latency: 10 * time.Millisecond, Bandwidth: 1_000_000}

// ScriptRoundTrip is the round trip of ScriptNet without load.
const ScriptRoundTrip = 20 * time.Millisecond

// scriptSize is the size of the script's messages, in bytes.
const scriptSize = 1024

// Milestone is how long one phase of a Script took, or a count.
type Milestone struct {
	Name string
	Took time.Duration // 0 for a count
	N    int           // 0 for a time
}

// Script holds one long conversation in a world of h on ScriptNet: handshake, a
// transfer of 1 MiB, a paused receiver, a partition of five seconds, a close.
// h must be able to partition and to shape.
func Script(t *testing.T, h Harness) []Milestone {
	t.Helper()
	var s script
	h.runSetup(t, Setup{Net: ScriptNet, Needs: CanPartition | CanShape, Limit: time.Minute}, func(b *Bed) {
		s = script{Bed: b}
		s.run()
	})
	return s.milestones
}

type script struct {
	*Bed
	began      time.Duration
	milestones []Milestone
}

// begin starts a phase.
func (s *script) begin() { s.began = s.Mono() }

// reached ends a phase at a time of Bed.Mono.
func (s *script) reached(name string, at time.Duration) {
	s.milestones = append(s.milestones, Milestone{Name: name, Took: at - s.began})
}

func (s *script) run() {
	const size, mib = scriptSize, 1 << 20 / scriptSize
	x, y := s.Pair()
	l := y.Listen(proto, nil)

	s.begin()
	near := x.Dial(y, proto, nil)
	near.WaitOpen()
	far := l.Accept(0)
	s.reached("first link opens", near.Log().OpenedAt)

	s.begin()
	second := x.Dial(y, proto, nil)
	second.WaitOpen()
	s.reached("second link opens", second.Log().OpenedAt)

	s.begin()
	near.SendAll(messages(mib, size))
	far.Wait("first message", received(1))
	s.reached("1 MiB transfer", far.Wait("the transfer ends", received(mib)).LastAt)
	s.Sleep(time.Second)

	s.echo(near, far, "round trip after the transfer")

	far.Pause()
	before := len(far.Log().Messages)
	near.SendAll(messages(mib, size))
	s.Sleep(3 * time.Second)
	near.Do(near.pump) // the queue may be more than half empty by now: fill it
	s.milestones = append(s.milestones, Milestone{Name: "paused receiver: messages taken", N: near.Log().Sent - before})
	s.begin()
	far.Resume()
	s.reached("paused receiver: all after resume", far.Wait("the rest arrives", received(before+mib)).LastAt)
	s.Sleep(time.Second)

	s.echo(near, far, "round trip after the pause")

	// Apart from a keep-alive, which comes every five seconds and would bring
	// the message sooner or later than the retransmission that is timed here.
	s.Sleep(2 * time.Second)
	have := len(far.Log().Messages)
	s.Partition(x, y)
	s.begin()
	near.SendAll(messages(1, size))
	s.Sleep(5 * time.Second)
	s.Heal()
	s.reached("5 s partition: message arrives", far.Wait("it arrives after the cut", received(have+1)).LastAt)
	s.Sleep(time.Second)

	s.begin()
	near.closeNow(wire.Finished)
	far.Closed()
	s.reached("peer learns of the close", far.Log().ClosedAt)
}

// echo times one round trip on a link that is otherwise idle. A few before it
// let the transport's own estimate settle.
func (s *script) echo(near, far *End, name string) {
	far.Do(func() {
		far.onMessage = func(m []byte) {
			if len(m) == 1 {
				_, _ = far.link.Send(m)
			}
		}
	})
	const rounds = 80
	for i := range rounds {
		have := len(near.Log().Messages)
		s.begin()
		near.SendAll([][]byte{{byte(i)}})
		l := near.Wait("the echo arrives", received(have+1))
		if i == rounds-1 {
			s.reached(name, l.LastAt)
		}
	}
}

// Agree compares the milestones of two worlds: times within a round trip or a
// tenth, counts within a tenth or a quarter of a window, the step in which credit comes
// back. It gives a table for people, and what
// is out of tolerance.
func Agree(nameA string, a []Milestone, nameB string, b []Milestone) (table string, faults []string) {
	var out strings.Builder
	fmt.Fprintf(&out, "%-40s %14s %14s %14s\n", "milestone", nameA, nameB, "difference")
	if len(a) != len(b) {
		faults = append(faults, fmt.Sprintf("%s reached %d milestones, %s %d", nameA, len(a), nameB, len(b)))
	}
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x.N != 0 || y.N != 0 {
			fmt.Fprintf(&out, "%-40s %14d %14d %14d\n", x.Name, x.N, y.N, x.N-y.N)
			if d := x.N - y.N; max(d, -d) > max(wire.LinkWindow/4/scriptSize, max(x.N, y.N)/10) {
				faults = append(faults, fmt.Sprintf("%s: %d and %d", x.Name, x.N, y.N))
			}
			continue
		}
		d := x.Took - y.Took
		fmt.Fprintf(&out, "%-40s %14v %14v %14v\n", x.Name, x.Took.Round(time.Microsecond), y.Took.Round(time.Microsecond), d.Round(time.Microsecond))
		if x.Name != y.Name || d.Abs() > ScriptRoundTrip && d.Abs()*10 > max(x.Took, y.Took) {
			faults = append(faults, fmt.Sprintf("%s: %v and %v", x.Name, x.Took, y.Took))
		}
	}
	return out.String(), faults
}
