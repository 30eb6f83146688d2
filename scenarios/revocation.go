package scenarios

import (
	"time"

	"github.com/smalti/smalti/sim/fault"
)

func revocation() Scenario {
	return Scenario{
		Name:     "revocation",
		Doc:      "Tickets of consumers and of a producer are withdrawn and given back, while another issuer's are needed too, and a consumer shows those of another. Must catch a datum for somebody whose ticket is withdrawn or not his own, and somebody who does not come back.",
		Duration: 60 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   5 * time.Millisecond,
		Hosts: []Host{
			{Name: "producer", Ticket: 50 * time.Second, Second: 50 * time.Second, Renew: 20 * time.Second},
			{Name: "both", Ticket: 50 * time.Second, Second: 40 * time.Second, Renew: 20 * time.Second},
			{Name: "shorter", Ticket: 60 * time.Second, Second: 15 * time.Second},
			{Name: "first", Ticket: 50 * time.Second, Renew: 20 * time.Second},
		},
		Streams: []Stream{{Name: "secrets", Tickets: true, Second: true, Mutual: true}, {Name: "one", Tickets: true}},
		Workload: []Work{
			{Host: "producer", Program: Produce, Stream: "secrets", Every: 10 * time.Millisecond, Size: 100},
			{Host: "producer", Program: Produce, Stream: "one", Every: 10 * time.Millisecond, Size: 100},
			{Host: "both", Program: Consume, Stream: "secrets"},
			{Host: "both", Program: Consume, Stream: "one"},
			{Host: "shorter", Program: Consume, Stream: "secrets"},
			{Host: "first", Program: Consume, Stream: "secrets"},
			{Host: "first", Program: Consume, Stream: "one"},
		},
		Faults: []Fault{
			{At: 10 * time.Second, For: 5 * time.Second, Fault: "revoke both"},
			{At: 25 * time.Second, For: 10 * time.Second, Fault: "revoke producer"},
			{At: 40 * time.Second, For: 15 * time.Second, Fault: "revoke first"},
			{At: 20 * time.Second, For: 10 * time.Second, Fault: "steal first both"},
		},
		Marks: []string{fault.MarkSteal},
	}
}
