package scenarios

import "time"

func partitionHeal() Scenario {
	return Scenario{
		Name:     "partition-heal",
		Doc:      "A short partition that sessions survive, a long one that outlives their idle time-out, and a one-way cut. Must catch datums that are lost, repeated or swapped across a reconnect, and consumers that never come back.",
		Duration: 60 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   5 * time.Millisecond,
		Hosts:    []Host{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}},
		Streams:  []Stream{{Name: "prices"}, {Name: "orders", Lag: "block"}},
		Workload: []Work{
			{Host: "a", Program: Produce, Stream: "prices", Every: 20 * time.Millisecond, Size: 128},
			{Host: "b", Program: Produce, Stream: "orders", Every: 50 * time.Millisecond, Size: 512},
			{Host: "b", Program: Consume, Stream: "prices"},
			{Host: "c", Program: Consume, Stream: "prices"},
			{Host: "c", Program: Consume, Stream: "orders"},
			{Host: "d", Program: Consume, Stream: "orders"},
		},
		Faults: []Fault{
			{At: 5 * time.Second, For: 4 * time.Second, Fault: "partition a,b | c,d"},
			{At: 15 * time.Second, For: 25 * time.Second, Fault: "partition a | c"},
			{At: 30 * time.Second, For: 20 * time.Second, Fault: "cut b -> d"},
		},
	}
}
