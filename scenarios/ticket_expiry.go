package scenarios

import "time"

func ticketExpiry() Scenario {
	return Scenario{
		Name:     "ticket-expiry",
		Doc:      "Consumers whose tickets end, whose tickets are renewed in time, and that have none, while the producer's clock is off and is stepped. Must catch a datum that is enqueued after the end, and a renewed ticket that costs a connection.",
		Duration: 60 * time.Second,
		Latency:  20 * time.Millisecond,
		Jitter:   10 * time.Millisecond,
		Hosts: []Host{
			{Name: "producer", Offset: 700 * time.Millisecond},
			{Name: "expires", Ticket: 15 * time.Second},
			{Name: "renews", Ticket: 20 * time.Second, Renew: 8 * time.Second},
			{Name: "late", Ticket: 10 * time.Second, Renew: 14 * time.Second, Offset: -2 * time.Second},
			{Name: "without"},
		},
		Streams: []Stream{{Name: "secrets", Tickets: true}},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "secrets", Every: 10 * time.Millisecond, Size: 100},
			{Host: "expires", Program: Consume, Stream: "secrets"},
			{Host: "renews", Program: Consume, Stream: "secrets"},
			{Host: "late", Program: Consume, Stream: "secrets"},
			{Host: "without", Program: Consume, Stream: "secrets"},
		},
		Faults: []Fault{
			{At: 25 * time.Second, Fault: "step producer -3s"},
			{At: 40 * time.Second, Fault: "step producer 5s"},
		},
	}
}
