package scenarios

import (
	"time"

	"github.com/smalti/smalti/netsim"
	"github.com/smalti/smalti/sim/fault"
)

func badLines() Scenario {
	s := overlay("bad-lines",
		"Lines that vary, are narrow, or lose in bursts, hosts that nobody can dial, and sessions of which one end is gone. Must catch a node that takes a slow peer for a dead one, a subscription of which one end is left, and who gives up dialling.",
		Fault{At: 5 * time.Second, For: 30 * time.Second, Fault: "jitter a -> f,l heavy-tail 20ms"},
		Fault{At: 10 * time.Second, For: 20 * time.Second, Fault: "jitter f,l -> a exponential 100ms"},
		Fault{At: 20 * time.Second, For: 60 * time.Second, Fault: "throttle a,b,c -> d,e,f,g,h,l 1100"},
		Fault{At: 40 * time.Second, For: 40 * time.Second, Fault: "burst a,f -> b,c,d,e,l 1s 3s"},
		Fault{At: 30 * time.Second, For: 30 * time.Second, Fault: "unreachable a"},
		Fault{At: 33 * time.Second, Fault: "halfopen a -> f"},
		Fault{At: 36 * time.Second, Fault: "halfopen l -> a"},
		Fault{At: 70 * time.Second, Fault: "halfopen f -> a"})
	s.Marks = []string{fault.MarkJitter, fault.MarkThrottle, fault.MarkBurst, fault.MarkUnreachable, netsim.MarkHalfOpen, netsim.MarkIdle}
	return s
}
