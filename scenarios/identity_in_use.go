package scenarios

import (
	"time"

	"github.com/smalti/smalti/netsim"
)

func identityInUse() Scenario {
	s := overlay("identity-in-use",
		"One key runs on two hosts for a while: that of a producer, then that of a consumer. Must catch a network that goes from one to the other for ever, entries of the one that are taken for the other's, and third parties that suffer.",
		Fault{At: 10 * time.Second, For: 25 * time.Second, Fault: "twin b k"},
		Fault{At: 50 * time.Second, For: 30 * time.Second, Fault: "twin g h"})
	s.Workload = append(s.Workload,
		Work{Host: "b", Program: Produce, Stream: "prices", Every: 100 * time.Millisecond, Size: 64},
		Work{Host: "g", Program: Consume, Stream: "prices"},
		Work{Host: "h", Program: Consume, Stream: "prices"})
	s.Marks = []string{netsim.MarkTwin, netsim.MarkInUse}
	return s
}
