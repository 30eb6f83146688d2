package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func badMachines() Scenario {
	s := overlay("bad-machines",
		"Machines that are short of processors, and disks that are slow, full, damaged or lose what was not durable. Must catch work that piles up without a bound, a node that is taken for dead because it is slow, one that does not come up without its disk, and a new run whose entry loses against that of the run before.",
		Fault{At: 5 * time.Second, For: 30 * time.Second, Fault: "busy a 2ms"},
		Fault{At: 20 * time.Second, For: 20 * time.Second, Fault: "busy f 20ms"},
		Fault{At: 50 * time.Second, For: 5 * time.Second, Fault: "busy g 500ms"},
		Fault{At: 0, For: 20 * time.Second, Fault: "slowdisk b 15s"},
		Fault{At: 10 * time.Second, For: 2 * time.Second, Fault: "crash b"},
		Fault{At: 0, For: 70 * time.Second, Fault: "fulldisk c"},
		Fault{At: 30 * time.Second, Fault: "step c -20s"},
		Fault{At: 31 * time.Second, For: time.Second, Fault: "crash c"},
		Fault{At: 30 * time.Second, For: 30 * time.Second, Fault: "corrupt d"},
		Fault{At: 40 * time.Second, Fault: "step d -20s"},
		Fault{At: 41 * time.Second, For: time.Second, Fault: "crash d"},
		Fault{At: 0, For: 10 * time.Second, Fault: "powercut e"},
		Fault{At: 30 * time.Second, For: 58 * time.Second, Fault: "powercut f"})
	s.Marks = []string{fault.MarkBusy, fault.MarkSlowDisk, fault.MarkFullDisk, fault.MarkCorrupt, fault.MarkPowercut}
	return s
}
