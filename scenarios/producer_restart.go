package scenarios

import "time"

func producerRestart() Scenario {
	return Scenario{
		Name:     "producer-restart",
		Doc:      "Producers lose power and come back as new incarnations, one in the middle of a drain, while consumers look on. Must catch datums of two incarnations that are taken for one another, a gap that claims to know what nobody can, and a consumer that stays with the dead.",
		Duration: 60 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   10 * time.Millisecond,
		Hosts:    []Host{{Name: "seed"}, {Name: "p1"}, {Name: "p2"}, {Name: "c1"}, {Name: "c2"}},
		Streams:  []Stream{{Name: "news"}, {Name: "sums", AlwaysOnline: true, Lag: "drop-newest", Queue: 32}},
		Workload: []Work{
			{Host: "p1", Program: Produce, Stream: "news", Every: 10 * time.Millisecond, Size: 64},
			{Host: "p2", Program: Produce, Stream: "news", Every: 50 * time.Millisecond, Size: 64},
			{Host: "p1", Program: Produce, Stream: "sums", Every: 20 * time.Millisecond, Burst: 4, Size: 500},
			{Host: "p2", Program: Produce, Stream: "sums", Count: 200, Every: 50 * time.Millisecond, Size: 64},
			{Host: "c1", Program: Consume, Stream: "news"},
			{Host: "c2", Program: Consume, Stream: "news"},
			{Host: "c1", Program: Consume, Stream: "sums"},
			{Host: "c2", Program: Consume, Stream: "sums", Criteria: `kind == "a"`},
		},
		Faults: []Fault{
			{At: 8 * time.Second, Fault: "restart p1"},
			{At: 9 * time.Second, For: 3 * time.Second, Fault: "crash p2"},
			{At: 30 * time.Second, Fault: "restart p1"},
			{At: 31 * time.Second, Fault: "restart p1"},
			{At: 40 * time.Second, For: 10 * time.Second, Fault: "crash p1"},
		},
	}
}
