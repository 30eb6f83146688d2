package scenarios

import "time"

func renewals() Scenario {
	return Scenario{
		Name:     "renewals",
		Doc:      "Tickets that are renewed before, at and after their end, judged by clocks that are off, on both sides of a subscription. Must catch a renewed ticket that costs a connection, and an old timer that ends a new right.",
		Duration: 90 * time.Second,
		Latency:  20 * time.Millisecond,
		Jitter:   20 * time.Millisecond,
		Hosts: []Host{
			{Name: "ahead", Offset: 2 * time.Second, Ticket: 60 * time.Second, Renew: 20 * time.Second},
			{Name: "behind", Offset: -2 * time.Second, Ticket: 60 * time.Second, Renew: 20 * time.Second},
			{Name: "before", Ticket: 20 * time.Second, Renew: 10 * time.Second},
			{Name: "at", Ticket: 10 * time.Second, Renew: 10 * time.Second},
			{Name: "after", Ticket: 10 * time.Second, Renew: 13 * time.Second, Offset: time.Second},
		},
		Streams: []Stream{{Name: "secrets", Tickets: true, Mutual: true}},
		Workload: []Work{
			{Host: "ahead", Program: Produce, Stream: "secrets", Every: 20 * time.Millisecond, Size: 100},
			{Host: "behind", Program: Produce, Stream: "secrets", Every: 20 * time.Millisecond, Size: 100},
			{Host: "before", Program: Consume, Stream: "secrets"},
			{Host: "at", Program: Consume, Stream: "secrets"},
			{Host: "after", Program: Consume, Stream: "secrets"},
		},
		Faults: []Fault{{At: 45 * time.Second, For: 15 * time.Second, Fault: "offset ahead 3s"}},
	}
}
