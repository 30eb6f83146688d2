package scenarios

import "time"

func shutdown() Scenario {
	s := Scenario{
		Name:     "shutdown",
		Doc:      "Producers of every lag policy close under load, with consumers that read slowly or not at all, and then all nodes do. Must catch a close that hangs, one that claims to have delivered what it has not, and datums that nobody counted.",
		Duration: 20 * time.Second,
		Latency:  20 * time.Millisecond,
		Jitter:   10 * time.Millisecond,
		Window:   8 << 10,
		Hosts:    []Host{{Name: "p1"}, {Name: "p2"}, {Name: "quick"}, {Name: "slow"}, {Name: "stalls"}},
		Faults:   []Fault{{At: 5 * time.Second, For: 10 * time.Second, Fault: "stall stalls"}},
	}
	for _, lag := range []string{"disconnect", "block", "drop-newest", "drop-oldest"} {
		s.Streams = append(s.Streams, Stream{Name: lag, Lag: lag, BlockMax: 3 * time.Second, Queue: 64})
		s.Workload = append(s.Workload,
			Work{Host: "p1", Program: Produce, Stream: lag, Count: 400, Every: 10 * time.Millisecond, Burst: 4, Size: 500},
			Work{Host: "p2", Program: Produce, Stream: lag, Every: 100 * time.Millisecond, Burst: 8, Size: 500},
			Work{Host: "quick", Program: Consume, Stream: lag},
			Work{Host: "slow", Program: Consume, Stream: lag, Takes: 5 * time.Millisecond, Queue: 16},
			Work{Host: "stalls", Program: Consume, Stream: lag, Queue: 16})
	}
	return s
}
