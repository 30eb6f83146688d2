package transporttest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// Harness runs cases in one kind of world.
type Harness struct {
	// Name is the world's, for logs.
	Name string
	// Can says which capabilities the worlds have.
	Can Capability
	// Omits names the cases that need more than Can, sorted. Run fails when
	// the list is not exact.
	Omits []string
	// Base is the network of cases that ask for no other.
	Base Net
	// Parallel runs the cases at the same time, for worlds in real time.
	Parallel bool
	// Run makes a world, runs body as a task in it, ends everything that the
	// world started and returns.
	Run func(t *testing.T, s Setup, body func(ctx context.Context, w World))
}

// Setup is what a world is made for.
type Setup struct {
	Net Net
	// Needs are the capabilities that the case uses: a world need not prepare
	// for others.
	Needs Capability
	// Limit is more than the body takes, unless something hangs.
	Limit time.Duration
}

// World is where one case runs. Its methods are called by the body's task.
type World interface {
	// Env is the body's: clock and scheduler, no transport. Its clock is the
	// one that all times in the suite are read on.
	Env() *runtime.Env
	// Start starts the node called name. After a Crash the same name comes
	// back as a new incarnation, at the same address where the world can.
	Start(name string, o Options) (*runtime.Env, error)
	// Crash makes a node vanish without a word. Needs CanCrash.
	Crash(name string)
	// Partition cuts two nodes off from each other in both directions, Heal
	// undoes all cuts. Needs CanPartition.
	Partition(a, b string)
	Heal()
	// Nowhere is an address at which nobody answers.
	Nowhere() string
	// Raw connects to a node as a peer of its own that speaks as r says, and
	// tells how the connection or the stream was ended by the node, or None
	// when it was not within limit. Needs CanRaw.
	Raw(ctx context.Context, to *runtime.Env, r Raw, limit time.Duration) wire.Reason
}

// Net describes the network between any two nodes. The zero value is a
// network as good as the world offers.
type Net struct {
	Latency   time.Duration // one way
	Jitter    time.Duration // up to this much on top of Latency
	Loss      int           // of packets, each way, in ppm
	Bandwidth int64         // each way, in bytes per second; 0: unlimited
}

// Options configure a node. The zero value of each field means the
// transport's default, but for Key (derived from the name), Network (the
// suite's) and Instance (drawn).
type Options struct {
	Key      ident.Key
	Instance wire.Instance
	Network  ident.NetworkID
	Secrets  []wire.Secret
	Versions [2]uint16 // lowest and highest

	SendMessages int
	SendBytes    int
	LinksPerPeer int
	IdleTimeout  time.Duration
	KeepAlive    time.Duration
	HelloTimeout time.Duration
	LinkTimeout  time.Duration
	Linger       time.Duration

	// KnowsNobody: it is as a transport is at first. Otherwise it knows every peer.
	KnowsNobody bool

	// Observer hears what the node reports.
	Observer runtime.Observer
}

// Raw is what a misbehaving peer does.
type Raw struct {
	// Hello: whether it says a correct hello first. If not it opens a stream
	// and sends Bytes where the hello belongs, or nothing at all.
	Hello bool
	// Bytes go out on a stream of their own after the hello, or as the hello.
	Bytes []byte
	// Finish ends the stream after Bytes.
	Finish bool
}

// Capability is a set of things that a world can do.
type Capability uint

// The capabilities.
const (
	CanCrash Capability = 1 << iota
	CanPartition
	CanRaw
	// CanLeap: time is virtual, so that half a minute costs nothing.
	CanLeap
	// CanShape: latency is what Net says; not so on loopback.
	CanShape
	// CanConnect: between nodes are connections, with addresses and handshakes; not so
	// within one process.
	CanConnect
)

// String lists the capabilities by name.
func (c Capability) String() string {
	var names []string
	for i, name := range []string{"crash", "partition", "raw", "leap", "shape", "connect"} {
		if c&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "+")
}
