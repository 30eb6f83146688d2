package scenarios

import "time"

func slowPath() Scenario {
	return Scenario{
		Name:      "slow-path",
		Doc:       "Datums of half a MiB over paths of 150 KB/s, on which each takes longer than the time-outs of a close and of Block, and small ones beside them. Must catch a consumer that is given up or cut while it waits for what is on its way.",
		Duration:  3 * time.Minute,
		Latency:   20 * time.Millisecond,
		Jitter:    20 * time.Millisecond,
		Bandwidth: 150_000,
		Hosts:     []Host{{Name: "producer"}, {Name: "one"}, {Name: "other"}},
		Streams: []Stream{
			{Name: "large", Lag: "block", BlockMax: 2 * time.Second, DrainMax: 2 * time.Second, Queue: 1},
			{Name: "also-large", DrainMax: 2 * time.Second},
			{Name: "small", Lag: "block", DrainMax: 2 * time.Second},
		},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "large", Count: 8, Rounds: 2, Every: 100 * time.Millisecond, Size: 1 << 19},
			{Host: "producer", Program: Produce, Stream: "also-large", Count: 2, Rounds: 3, Every: 25 * time.Second, Size: 1 << 19},
			{Host: "producer", Program: Produce, Stream: "small", Count: 20, Rounds: 3, Every: 100 * time.Millisecond, Size: 100},
			{Host: "one", Program: Consume, Stream: "large"},
			{Host: "one", Program: Consume, Stream: "small"},
			{Host: "other", Program: Consume, Stream: "also-large"},
			{Host: "other", Program: Consume, Stream: "small"},
		},
	}
}
