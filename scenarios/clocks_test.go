package scenarios_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/scenarios"
)

// TestClocksThatAreTooFarApartAreNotExpectedToAgree runs worlds whose clocks
// keep entries from passing: what cannot come back is not waited for.
func TestClocksThatAreTooFarApartAreNotExpectedToAgree(t *testing.T) {
	for name, change := range map[string]func(s *scenarios.Scenario){
		"for ever": func(s *scenarios.Scenario) { s.Hosts[0].Offset, s.Hosts[1].Offset = -30*time.Second, 30*time.Second },
		"by steps": func(s *scenarios.Scenario) {
			s.Faults = []scenarios.Fault{{At: time.Second, Fault: "step a -40s"}, {At: 2 * time.Second, Fault: "step b 40s"}, {At: 3 * time.Second, Fault: "restart b"}}
		},
		"for a while": func(s *scenarios.Scenario) {
			s.Faults = []scenarios.Fault{{At: time.Second, For: 4 * time.Second, Fault: "offset b 10m"}, {At: 2 * time.Second, Fault: "restart b"}}
		},
	} {
		s := scenarios.Scenario{
			Name: "clocks", Duration: 10 * time.Second, Hosts: []scenarios.Host{{Name: "a"}, {Name: "b", Ticket: time.Minute, Renew: 2 * time.Second}}, Streams: []scenarios.Stream{{Name: "s"}},
			Workload: []scenarios.Work{{Host: "b", Program: scenarios.Produce, Stream: "s", Every: time.Second}, {Host: "a", Program: scenarios.Consume, Stream: "s"}},
		}
		change(&s)
		r, err := scenarios.Run(s, scenarios.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Errorf("%s: %s %v", name, r.Verdict, r.Violations)
		}
	}
}

// TestClocksThatAreCloseAreExpectedToAgree runs hosts between which entries
// pass, and that have no time to meet.
func TestClocksThatAreCloseAreExpectedToAgree(t *testing.T) {
	s := scenarios.Scenario{
		Name: "clocks", Duration: 20 * time.Millisecond, Quiesce: 4 * time.Millisecond,
		Hosts: []scenarios.Host{{Name: "a", Offset: -20 * time.Second}, {Name: "b", Offset: 20 * time.Second}},
	}
	r, err := scenarios.Run(s, scenarios.Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Verdict != scenarios.Liveness {
		t.Errorf("%s %v, want a liveness violation", r.Verdict, r.Violations)
	}
}
