package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim"
)

// maxLoss is the largest loss of one fault: two of them on one path stay below
// what the network allows.
const maxLoss = netsim.MaxLoss / 3

var lossClass = Class{
	Name: "loss", Usage: "loss a -> b,c 50000ppm", Doc: "Some of what the first set of hosts sends to the second is lost, and arrives later.",
	Marks: []string{netsim.MarkLost},
	parse: func(args string) (Fault, error) {
		i := strings.LastIndex(args, " ")
		if i < 0 {
			return nil, fmt.Errorf("no rate")
		}
		rate, isPPM := strings.CutSuffix(args[i+1:], "ppm")
		ppm, err := strconv.Atoi(rate)
		if err != nil || !isPPM || ppm < 1 || ppm > maxLoss {
			return nil, fmt.Errorf("%q is no rate from 1ppm to %dppm", args[i+1:], maxLoss)
		}
		from, to, err := pair(args[:i], "->")
		return Loss{from, to, ppm}, err
	},
}

// Loss adds to the loss of paths.
type Loss struct {
	From, To []string
	PPM      int
}

// Class implements Fault.
func (Loss) Class() string { return "loss" }

func (f Loss) String() string {
	return fmt.Sprintf("loss %s -> %s %dppm", join(f.From), join(f.To), f.PPM)
}

// Hosts implements Fault.
func (f Loss) Hosts() []string { return slices.Concat(f.From, f.To) }

// Begin implements Fault.
func (f Loss) Begin(w *sim.World) { f.add(w, f.PPM) }

// End implements Fault.
func (f Loss) End(w *sim.World) { f.add(w, -f.PPM) }

func (f Loss) add(w *sim.World, ppm int) {
	each(f.From, f.To, func(from, to string) {
		path := w.Net.PathOf(from, to)
		path.LossPPM += ppm
		if err := w.Net.SetPath(from, to, path); err != nil {
			w.Fail("fault", err.Error())
		}
	})
}
