package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func renewals() Scenario {
	return Scenario{
		Name:     "renewals",
		Doc:      "Tickets that are renewed before, at and after their end, to the nanosecond, judged by clocks that are off, on both sides of a subscription. Must catch a renewed ticket that costs a connection, an old timer that ends a new right, and a datum for somebody whose right has just ended.",
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
		Faults: []Fault{
			{At: 45 * time.Second, For: 15 * time.Second, Fault: "offset ahead 3s"},
			{At: 15 * time.Second, For: 5 * time.Second, Fault: "brink before"},
			{At: 20 * time.Second, For: 5 * time.Second, Fault: "brink behind"},
			{At: 30 * time.Second, For: 10 * time.Second, Fault: "lapse before -1ms"},
			{At: 32 * time.Second, For: 10 * time.Second, Fault: "lapse at 0s"},
			{At: 34 * time.Second, For: 10 * time.Second, Fault: "lapse after 1ns"},
			{At: 66 * time.Second, For: 10 * time.Second, Fault: "lapse before 1s"},
		},
		Marks: []string{fault.MarkBrink, fault.MarkLapse},
	}
}
