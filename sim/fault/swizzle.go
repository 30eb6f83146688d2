package fault

import (
	"fmt"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/sim"
)

// MarkSwizzle says that something was held while hosts were clogged one by one.
const MarkSwizzle = "fault.swizzle"

var swizzleClass = Class{
	Name: "swizzle", Usage: "swizzle a,b,c 200ms", Doc: "The hosts are clogged one by one, so long after each other, and let go in another order, again and again.",
	Marks: []string{MarkSwizzle},
	parse: func(args string) (Fault, error) {
		set, every, err := periodic(args)
		if err != nil {
			return nil, err
		}
		list, err := hosts(set)
		return &Swizzle{Of: list, Every: every}, err
	},
}

// Swizzle clogs hosts in one order and unclogs them in another, as FoundationDB's
// simulation does ("swizzle-clogging"): it has found more than any other fault of a
// network there.
type Swizzle struct {
	Of    []string
	Every time.Duration

	bite    bite
	rand    *runtime.Rand
	timer   runtime.Timer
	clogged []string
	order   []string // what the next turns are about
}

// Class implements Fault.
func (*Swizzle) Class() string { return "swizzle" }

func (f *Swizzle) String() string { return fmt.Sprintf("swizzle %s %s", join(f.Of), f.Every) }

// Hosts implements Fault.
func (f *Swizzle) Hosts() []string { return slices.Clone(f.Of) }

// Begin implements Fault.
func (f *Swizzle) Begin(w *sim.World) {
	var all []string
	for _, h := range w.Hosts() {
		all = append(all, h.Name())
	}
	f.bite.open(w, ways(f.Of, all))
	f.rand = w.Rand(fmt.Sprintf("%s at %s", f, w.Now()))
	f.timer = repeat(w, f.Every, func() { f.turn(w) })
	f.turn(w)
}

// turn clogs one more until all are, then lets go one more until none is.
func (f *Swizzle) turn(w *sim.World) {
	if len(f.order) == 0 {
		f.order = slices.Clone(f.Of)
		for i := range f.order {
			j := i + f.rand.IntN(len(f.order)-i)
			f.order[i], f.order[j] = f.order[j], f.order[i]
		}
	}
	host := f.order[0]
	f.order = f.order[1:]
	if i := slices.Index(f.clogged, host); i >= 0 {
		f.clogged = slices.Delete(f.clogged, i, i+1)
		f.each(host, w.Net.Release)
	} else {
		f.clogged = append(f.clogged, host)
		f.each(host, w.Net.Hold)
	}
}

// each calls do for every way from or to a host.
func (f *Swizzle) each(host string, do func(from, to string)) {
	for _, x := range f.bite.ways {
		if x.from == host || x.to == host {
			do(x.from, x.to)
		}
	}
}

// End implements Fault.
func (f *Swizzle) End(w *sim.World) {
	f.timer.Stop()
	for _, host := range f.clogged {
		f.each(host, w.Net.Release)
	}
	f.clogged, f.order = nil, nil
	f.bite.close(w, MarkSwizzle)
}
