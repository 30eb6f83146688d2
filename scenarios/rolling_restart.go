package scenarios

import (
	"fmt"
	"time"
)

func rollingRestart() Scenario {
	s := Scenario{
		Name:     "rolling-restart",
		Doc:      "Every node restarts in its turn, with a clock that steps back meanwhile. Must catch a new run whose entry loses against that of the run before, and a network that takes the restart of one for its death.",
		Duration: 60 * time.Second,
		Latency:  10 * time.Millisecond,
		Jitter:   10 * time.Millisecond,
		Streams:  []Stream{{Name: "prices", Lag: "drop-newest"}},
	}
	for i := range 10 {
		name := fmt.Sprintf("n%d", i)
		s.Hosts = append(s.Hosts, Host{Name: name})
		at := 5*time.Second + time.Duration(i)*5*time.Second
		s.Faults = append(s.Faults,
			Fault{At: at, For: 2 * time.Second, Fault: "crash " + name},
			Fault{At: at + time.Second, Fault: fmt.Sprintf("step %s -%ds", name, 2+3*i)})
	}
	s.Workload = []Work{
		{Host: "n0", Program: Produce, Stream: "prices", Every: 100 * time.Millisecond, Size: 64},
		{Host: "n3", Program: Consume, Stream: "prices"},
		{Host: "n7", Program: Consume, Stream: "prices"},
	}
	return s
}
