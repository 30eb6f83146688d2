package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func departures() Scenario {
	s := overlay("departures",
		"Nodes leave in order, and some come back: before, during and after a partition, and while they are cut off themselves. Must catch a node that stays in a catalog or comes back into it after it left, one that is cut off and does not end, and one that comes back and is taken for the one that left.",
		Fault{At: 20 * time.Second, For: 40 * time.Second, Fault: "partition a,b,c,d,e,f | g,h,i,j,k,l"},
		Fault{At: 62 * time.Second, For: 10 * time.Second, Fault: "isolate i"},
		Fault{At: 12 * time.Second, For: 5 * time.Second, Fault: "leave b"},
		Fault{At: 25 * time.Second, For: 10 * time.Second, Fault: "leave g"},
		Fault{At: 50 * time.Second, For: 20 * time.Second, Fault: "leave k"},
		Fault{At: 80 * time.Second, For: 500 * time.Millisecond, Fault: "leave f"})
	s.Marks = []string{fault.MarkLeave}
	for _, w := range []Work{
		{Host: "c", Start: 10 * time.Second},
		{Host: "d", Start: 30 * time.Second},
		{Host: "h", Start: 35 * time.Second},
		{Host: "e", Start: 59900 * time.Millisecond},
		{Host: "i", Start: 65 * time.Second},
		{Host: "j", Start: 80 * time.Second},
	} {
		w.Program = Leave
		s.Workload = append(s.Workload, w)
	}
	return s
}
