package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
	"github.com/smalti/smalti/sim"
)

// Attacker is a Byzantine fault: while it lasts its host lies to others.
type Attacker interface {
	Fault
	// Attacker names the host. What other hosts the fault names are victims.
	Attacker() string
}

const (
	// leastEvery and mostEvery are what may lie between two turns of a liar: some are
	// in a hurry, and others pause so long that it seems to be over.
	leastEvery, mostEvery = 250 * time.Millisecond, 1500 * time.Millisecond
	// maxTalks bounds the links that one liar has open at once.
	maxTalks = 32
	// maxKeys bounds the keys of made-up peers that a liar keeps.
	maxKeys = 32
	// patience is how long a liar waits for somebody to take what it said.
	patience = 5 * time.Second
)

// attack is a Byzantine fault. The host's node goes on as any other; beside it
// somebody with the node's key talks to all others over the host's transport, in
// every life of the host while the fault lasts.
type attack struct {
	class, host, args string
	victim            string // a further host that the fault names, or ""
	mark              string
	begin             func() tactic

	timer runtime.Timer
	liar  *liar // of the host's present life, if it had a turn
}

// tactic is what a liar does at each of its turns. It may keep a state: each life of
// the host begins with a new one.
type tactic func(l *liar)

var _ Attacker = (*attack)(nil)

// Class implements Fault.
func (a *attack) Class() string { return a.class }

func (a *attack) String() string { return strings.TrimSpace(a.class + " " + a.host + " " + a.args) }

// Attacker implements Attacker.
func (a *attack) Attacker() string { return a.host }

// Hosts implements Fault.
func (a *attack) Hosts() []string {
	if a.victim == "" {
		return []string{a.host}
	}
	return []string{a.host, a.victim}
}

// Begin implements Fault.
func (a *attack) Begin(w *sim.World) {
	every := w.Rand(fmt.Sprintf("%s at %s", a, w.Now())).Duration(leastEvery, mostEvery)
	a.timer = repeat(w, every, func() { a.turn(w) })
	a.turn(w)
}

// turn has the liar of the host's present life take its turn, on the host: who is
// paused does not lie.
func (a *attack) turn(w *sim.World) {
	h := known(w, a.host)
	if h == nil || !h.Up() {
		return
	}
	if a.liar == nil || a.liar.env != h.Env() {
		a.liar = newLiar(a, w, h)
	}
	if l := a.liar; !l.due {
		l.due = true
		l.strand.Post(l.turn)
	}
}

// End implements Fault.
func (a *attack) End(w *sim.World) {
	a.timer.Stop()
	if l := a.liar; l != nil {
		l.strand.Post(l.hush) // nothing, if the host is down
	}
}

// attackOf parses a class with no argument but the host.
func attackOf(class, mark string, begin func() tactic) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		host, err := one(args)
		return &attack{class: class, host: host, mark: mark, begin: begin}, err
	}
}

// attackBy parses a class with a number from 1 to most after the host.
func attackBy(class, mark string, most int, begin func(n int) tactic) func(string) (Fault, error) {
	return func(args string) (Fault, error) {
		host, amount, err := sized(args)
		if err != nil {
			return nil, err
		}
		n, err := strconv.Atoi(amount)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("%q is no number from 1 to %d", amount, most)
		}
		return &attack{class: class, host: host, args: strconv.Itoa(n), mark: mark, begin: func() tactic { return begin(n) }}, nil
	}
}

// liar is who lies, in one life of a host. Everything runs on one strand of the host.
type liar struct {
	*attack
	world    *sim.World
	self     *sim.Host
	env      *runtime.Env
	strand   runtime.Strand
	rand     *runtime.Rand
	verifier discovery.Verifier // remembers what was verified
	keys     map[int]ident.Key  // of the first whom it made up
	act      tactic
	talks    []*talk
	due      bool // a turn is posted
	over     bool
}

func newLiar(a *attack, w *sim.World, h *sim.Host) *liar {
	s := h.Env().Scheduler.Strand("attack/" + a.class)
	return &liar{
		attack: a, world: w, self: h, env: h.Env(), strand: s, rand: s.Rand(a.String()),
		verifier: discovery.NewVerifier(0), keys: map[int]ident.Key{}, act: a.begin(),
	}
}

func (l *liar) turn() {
	l.due = false
	if !l.over {
		l.act(l)
	}
}

// hush ends all that the liar has open.
func (l *liar) hush() {
	l.over = true
	for _, t := range l.talks {
		t.link.Close(wire.Cancelled)
	}
}

// bit reports the mark.
func (l *liar) bit() { l.env.Mark(l.mark) }

// id is who the liar is, to those who ask for a proof.
func (l *liar) id() ident.PeerID { return l.self.Key().PeerID() }

// millis is the time in the unit of versions.
func (l *liar) millis() int64 { return l.env.Clock.Now().UnixMilli() }

// others draws up to n other hosts that are up.
func (l *liar) others(n int) []*sim.Host {
	list := slices.DeleteFunc(l.world.Hosts(), func(h *sim.Host) bool { return h == l.self || !h.Up() })
	n = min(n, len(list))
	for i := range n {
		j := i + l.rand.IntN(len(list)-i)
		list[i], list[j] = list[j], list[i]
	}
	return list[:n]
}

// other draws one, nil if there is none.
func (l *liar) other() *sim.Host {
	if list := l.others(1); len(list) == 1 {
		return list[0]
	}
	return nil
}

// invented gives the key of somebody whom the liar made up.
func (l *liar) invented(n int) ident.Key {
	key, ok := l.keys[n]
	if !ok {
		key = ident.KeyFromSeed(l.world.Seed("invented by "+l.host).Derive(l.class, string(rune(n))))
		if n < maxKeys {
			l.keys[n] = key
		}
	}
	return key
}

// entry signs what key's peer says of itself.
func (l *liar) entry(key ident.Key, v discovery.Version, addrs []string, tags ...ident.Tag) []byte {
	s, err := discovery.Sign(&discovery.Entry{
		Protocol: discovery.EntryProtocol, Network: l.self.Config().Network, Peer: key.PeerID(), Version: v, Addrs: addrs, Tags: tags,
	}, key)
	if err != nil {
		panic(err) // the liar would be to blame, and it lies otherwise
	}
	return s.Raw
}

// now is a version of this moment.
func (l *liar) now() discovery.Version {
	return discovery.Version{Started: l.millis(), Updated: l.millis()}
}
