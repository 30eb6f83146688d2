package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
)

// ErrInvalid is wrapped by everything that Validate tells.
var ErrInvalid = errors.New("invalid scenario")

// Bounds of a scenario: what one run may cost.
const (
	maxHosts    = 10_000
	maxDuration = 24 * time.Hour
	minWindow   = 1 << 10
	// minBandwidth lets discovery and small datums pass.
	minBandwidth = 10_000
	minPurge     = 5 * time.Second
	minMeasure   = time.Second
)

// Scenario is one simulation, as data.
type Scenario struct {
	Name     string        `yaml:"name"`
	Doc      string        `yaml:"doc,omitempty"`
	Duration time.Duration `yaml:"duration"`          // of the part in which faults happen
	Quiesce  time.Duration `yaml:"quiesce,omitempty"` // how long everything has then to recover; 0: see Recovery
	Calm     time.Duration `yaml:"calm,omitempty"`    // the recovery ends early when all was as it must be for so long; 0: it takes all of Quiesce
	Latency  time.Duration `yaml:"latency,omitempty"` // of every path, one way; 0: 1 ms
	Jitter   time.Duration `yaml:"jitter,omitempty"`  // on top of it, uniform
	// Bandwidth is that of every path, in bytes a second, each way; 0: no limit.
	Bandwidth int64         `yaml:"bandwidth,omitempty"`
	Window    int           `yaml:"window,omitempty"`   // of every link, in bytes, as much again in its send queue, and four messages a KiB; 0: the product's
	Purge     time.Duration `yaml:"purge,omitempty"`    // how long nodes remember who left or does not answer; 0: the product's
	Measure   time.Duration `yaml:"measure,omitempty"`  // how often nodes measure round trips that are limited; 0: the product's
	Buggify   bool          `yaml:"buggify,omitempty"`  // product code behaves as badly as it may
	Strategy  string        `yaml:"strategy,omitempty"` // whose turn it is, in the text form of package explore; "": random
	// Core are the hosts that recover in Quiesce; what ails others goes on until the end.
	// None: all do.
	Core     []string `yaml:"core,omitempty,flow"`
	Hosts    []Host   `yaml:"hosts"`
	Streams  []Stream `yaml:"streams,omitempty"`
	Workload []Work   `yaml:"workload,omitempty"`
	Faults   []Fault  `yaml:"faults,omitempty"`
	Marks    []string `yaml:"marks,omitempty"` // rare places that a run which is not stopped early must reach
}

// DefaultQuiesce is three back-off caps, an idle time-out and two exchanges of
// catalogs: what the product's own constants allow recovery to take.
const DefaultQuiesce = 60 * time.Second

// twinBan is for how long a transport refuses a key that runs twice: the recovery takes
// longer by that where a fault had a key do so.
const twinBan = 30 * time.Second

// Recovery is how long everything has to recover: Quiesce, or what the faults need.
func (s Scenario) Recovery() time.Duration {
	switch {
	case s.Quiesce > 0:
		return s.Quiesce
	case s.struck(func(fault.Fault) bool { return true }, "twin"):
		return DefaultQuiesce + twinBan
	default:
		return DefaultQuiesce
	}
}

// Host is a machine with a node on it. All nodes bootstrap from the first host
// unless they say otherwise.
type Host struct {
	Name      string        `yaml:"name"`
	Offset    time.Duration `yaml:"offset,omitempty"` // of its wall clock
	Bootstrap []string      `yaml:"bootstrap,omitempty,flow"`
	Tags      []string      `yaml:"tags,omitempty,flow"`
	// Ticket is how long the ticket of this node is valid, from its start;
	// Renew how often it gets a new one. 0: no ticket, no renewal.
	Ticket time.Duration `yaml:"ticket,omitempty"`
	Renew  time.Duration `yaml:"renew,omitempty"`
	// Second is how long its ticket of a second issuer is valid; it is renewed
	// with the first.
	Second time.Duration `yaml:"second,omitempty"`
	// Token is how long its JSON Web Token of a third issuer is valid; it is renewed with
	// the first.
	Token time.Duration `yaml:"token,omitempty"`
	// Next is from which of its boots on, the first is 1, the host runs a node of the
	// next version of the protocol, which says more than this one knows; 0: never.
	Next int `yaml:"next,omitempty"`
}

// tickets tells whether the host has any.
func (h Host) tickets() bool { return h.Ticket > 0 || h.Second > 0 || h.Token > 0 }

// Stream says how the producers of a stream are configured.
type Stream struct {
	Name         string        `yaml:"name"`
	Lag          string        `yaml:"lag,omitempty"` // disconnect (default), block, drop-newest or drop-oldest
	BlockMax     time.Duration `yaml:"block_max,omitempty"`
	DrainMax     time.Duration `yaml:"drain_max,omitempty"` // of a close, without progress; at most the product's default
	Queue        int           `yaml:"queue,omitempty"`
	MaxConsumers int           `yaml:"max_consumers,omitempty"`
	PerPeer      int           `yaml:"per_peer,omitempty"` // subscriptions that one consumer's host may have; 0: the product's
	AlwaysOnline bool          `yaml:"always_online,omitempty"`
	Tickets      bool          `yaml:"tickets,omitempty"`   // consumers need a ticket
	Second       bool          `yaml:"second,omitempty"`    // and one of the second issuer
	Mutual       bool          `yaml:"mutual,omitempty"`    // producers need them too
	Tokens       bool          `yaml:"tokens,omitempty"`    // consumers need a JSON Web Token, of which
	MaxAge       time.Duration `yaml:"max_age,omitempty"`   // none counts for longer than this; 0: until it ends
	Lenient      bool          `yaml:"lenient,omitempty"`   // validators tell when tickets end, and leave it to others to look
	Tag          string        `yaml:"tag,omitempty"`       // consumers need this tag
	RTTBelow     time.Duration `yaml:"rtt_below,omitempty"` // consumers are nearer than this
}

// Work is a program on a host. Program is "produce", "consume", "leave" or the name of a
// program that Run was given.
type Work struct {
	Host    string        `yaml:"host"`
	Program string        `yaml:"program"`
	Stream  string        `yaml:"stream,omitempty"`
	Start   time.Duration `yaml:"start,omitempty"` // after the host's boot
	// Of producers: the number of datums (0: until the end), how many producers send so
	// many, one after the other (0: one), the time between datums, how many are sent at
	// once, and their size in bytes.
	Count  int           `yaml:"count,omitempty"`
	Rounds int           `yaml:"rounds,omitempty"`
	Every  time.Duration `yaml:"every,omitempty"`
	Burst  int           `yaml:"burst,omitempty"`
	Size   int           `yaml:"size,omitempty"`
	// Of consumers: when they stop reading and for how long, how long each
	// datum takes them, and how many datums their queue holds.
	StallAt  time.Duration `yaml:"stall_at,omitempty"`
	StallFor time.Duration `yaml:"stall_for,omitempty"`
	Takes    time.Duration `yaml:"takes,omitempty"`
	Queue    int           `yaml:"queue,omitempty"`
	RTTBelow time.Duration `yaml:"rtt_below,omitempty"` // their producers are nearer than this
	// Criteria are a consumer's: a datum of a built-in producer has the fields
	// index, size and kind, which is "a", "b" or "c" in turn.
	Criteria string `yaml:"criteria,omitempty"`
}

// Fault is a fault with its time. For is how long it lasts; what still lasts
// at the end of Duration ends there, and so does a fault with For 0.
type Fault struct {
	At    time.Duration `yaml:"at"`
	For   time.Duration `yaml:"for,omitempty"`
	Fault string        `yaml:"fault"`
}

// Programs of the package's own.
const (
	Produce = "produce"
	Consume = "consume"
	// Leave closes the node of its host, in order, at its Start.
	Leave = "leave"
)

// Validate tells everything that is wrong with s, given the names of further
// programs.
func (s Scenario) Validate(programs ...string) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("scenario %s: "+format+": %w", append(append([]any{s.Name}, args...), ErrInvalid)...))
		}
	}
	check(s.Name != "", "no name")
	check(s.Duration > 0 && s.Duration <= maxDuration, "duration %s, want up to %s", s.Duration, maxDuration)
	check(s.Calm >= 0 && s.Calm <= maxDuration, "calm %s, want up to %s", s.Calm, maxDuration)
	check(s.Calm == 0 || len(s.Marks) == 0, "calm and marks: a run that ends early may miss them")
	check(s.Quiesce >= 0 && s.Quiesce <= maxDuration, "quiesce %s, want up to %s", s.Quiesce, maxDuration)
	check(s.Latency >= 0 && s.Jitter >= 0 && s.Latency <= time.Minute && s.Jitter <= time.Minute, "latency %s, jitter %s, want 0 to 1m", s.Latency, s.Jitter)
	check(s.Bandwidth == 0 || s.Bandwidth >= minBandwidth && s.Bandwidth <= 1<<30, "bandwidth %d, want %d to %d bytes a second", s.Bandwidth, minBandwidth, 1<<30)
	check(s.Purge == 0 || s.Purge >= minPurge && s.Purge <= maxDuration, "purge %s, want %s to %s", s.Purge, minPurge, maxDuration)
	check(s.Measure == 0 || s.Measure >= minMeasure && s.Measure <= maxDuration, "measure %s, want %s to %s", s.Measure, minMeasure, maxDuration)
	check(s.Window == 0 || s.Window >= minWindow && s.Window <= 16<<20, "window %d, want %d to %d bytes", s.Window, minWindow, 16<<20)
	check(len(s.Hosts) > 0 && len(s.Hosts) <= maxHosts, "%d hosts, want 1 to %d", len(s.Hosts), maxHosts)
	_, err := explore.Parse(s.Strategy)
	check(err == nil, "%v", err)
	hosts, streams := map[string]bool{}, map[string]bool{}
	for _, h := range s.Hosts {
		check(h.Name != "" && !hosts[h.Name], "host %q has no name or stands twice", h.Name)
		check(h.Next >= 0, "host %s: next version from boot %d on, want 1 or more, or 0 for never", h.Name, h.Next)
		check(h.Second >= 0 && h.Token >= 0, "host %s: second ticket %s, token %s", h.Name, h.Second, h.Token)
		check(h.Ticket >= 0 && h.Renew >= 0 && (h.Renew == 0 || h.tickets()), "host %s: ticket %s, renewed every %s", h.Name, h.Ticket, h.Renew)
		hosts[h.Name] = true
	}
	for i, m := range s.Marks {
		check(m != "" && !slices.Contains(s.Marks[:i], m), "mark %q has no name or stands twice", m)
	}
	for i, name := range s.Core {
		check(hosts[name] && !slices.Contains(s.Core[:i], name), "core: host %q is none or stands twice", name)
	}
	for _, h := range s.Hosts {
		for _, b := range h.Bootstrap {
			check(hosts[b], "host %s bootstraps from %q, which is none", h.Name, b)
		}
	}
	for _, st := range s.Streams {
		check(st.Name != "" && !streams[st.Name], "stream %q has no name or stands twice", st.Name)
		streams[st.Name] = true
		check(st.MaxAge >= 0 && st.MaxAge%time.Second == 0 && (st.MaxAge == 0 || st.Tokens), "stream %s: tokens %t up to %s old, want whole seconds", st.Name, st.Tokens, st.MaxAge)
		config, err := st.config()
		if err == nil {
			err = config.Validate()
		}
		check(err == nil, "stream %s: %v", st.Name, err)
	}
	produces := map[[2]string]bool{}
	for i, w := range s.Workload {
		known := w.Program == Produce || w.Program == Consume
		check(known || w.Program == Leave || slices.Contains(programs, w.Program), "work %d: no program %q", i, w.Program)
		check(hosts[w.Host], "work %d: no host %q", i, w.Host)
		check(!known || streams[w.Stream], "work %d: no stream %q", i, w.Stream)
		check(w.Start >= 0 && w.Every >= 0 && w.StallAt >= 0 && w.StallFor >= 0 && w.Takes >= 0, "work %d: negative time", i)
		check(w.Count >= 0 && w.Burst >= 0 && w.Queue >= 0 && w.Size >= 0 && w.Size <= 1<<20, "work %d: count %d, burst %d, queue %d, size %d", i, w.Count, w.Burst, w.Queue, w.Size)
		if w.Criteria != "" {
			_, err := criteria.Compile(w.Criteria)
			check(err == nil, "work %d: %v", i, err)
		}
		if w.Program == Produce {
			key := [2]string{w.Host, w.Stream}
			check(!produces[key], "work %d: a second producer of %s on %s", i, w.Stream, w.Host)
			check(w.Every > 0 || w.Count > 0, "work %d: neither every nor count: it would never end", i)
			check(w.Rounds >= 0 && (w.Rounds < 2 || w.Count > 0), "work %d: %d rounds, of count %d", i, w.Rounds, w.Count)
			produces[key] = true
		}
	}
	for _, f := range s.Faults {
		check(f.At >= 0 && f.For >= 0, "fault %q at %s for %s", f.Fault, f.At, f.For)
		x, err := fault.Parse(f.Fault)
		check(err == nil, "%v", err)
		if err == nil {
			for _, h := range x.Hosts() {
				check(hosts[h], "fault %q: no host %q", f.Fault, h)
			}
		}
	}
	return errors.Join(errs...)
}

// config gives what the producers of the stream are made with, but for their
// callbacks.
func (st Stream) config() (stream.ProducerConfig, error) {
	c := stream.ProducerConfig{Queue: st.Queue, MaxConsumers: st.MaxConsumers, MaxPerPeer: st.PerPeer, BlockMax: st.BlockMax, DrainMax: st.DrainMax, RTTBelow: st.RTTBelow}
	if st.AlwaysOnline {
		c.Online = stream.AtLeast(0)
	}
	if st.Lag == "" {
		return c, nil
	}
	var err error
	c.Lag, err = stream.ParseLag(st.Lag)
	return c, err
}
