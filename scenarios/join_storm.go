package scenarios

import (
	"fmt"
	"time"
)

// stormSize is how many nodes start at once.
const stormSize = 200

func joinStorm() Scenario {
	s := Scenario{
		Name:     "join-storm",
		Doc:      "Two hundred nodes that know one address start at once, and that one loses power while they come, as do some others. Must catch a crowd that queues at one node or never finds together, and a node that is taken for dead because it is busy.",
		Duration: 20 * time.Second,
		Quiesce:  40 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   20 * time.Millisecond,
		Streams:  []Stream{{Name: "prices", Lag: "drop-oldest"}},
		Workload: []Work{
			{Host: "n010", Program: Produce, Stream: "prices", Every: 100 * time.Millisecond, Size: 64},
			{Host: "n150", Program: Consume, Stream: "prices"},
		},
		Faults: []Fault{{At: 700 * time.Millisecond, Fault: "restart n000"}},
	}
	for i := range stormSize {
		name := fmt.Sprintf("n%03d", i)
		s.Hosts = append(s.Hosts, Host{Name: name})
		if i%40 == 7 {
			s.Faults = append(s.Faults, Fault{At: time.Second + time.Duration(i)*20*time.Millisecond, For: 3 * time.Second, Fault: "crash " + name})
		}
	}
	return s
}
