package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func badMachines() Scenario {
	s := overlay("bad-machines",
		"Machines that are short of processors. Must catch work that piles up without a bound, timers that assume to be on time, and a node that is taken for dead because it is slow.",
		Fault{At: 5 * time.Second, For: 30 * time.Second, Fault: "busy a 2ms"},
		Fault{At: 20 * time.Second, For: 20 * time.Second, Fault: "busy f 20ms"},
		Fault{At: 50 * time.Second, For: 5 * time.Second, Fault: "busy g 500ms"})
	s.Marks = []string{fault.MarkBusy}
	return s
}
