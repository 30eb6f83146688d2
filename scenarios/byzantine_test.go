package scenarios_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/smalti/smalti/scenarios"
)

// besieged is a network of some hosts without streams, of which the last four do what
// an attack says.
func besieged(hosts int, d time.Duration, attack string) scenarios.Scenario {
	s := scenarios.Scenario{Name: "besieged", Duration: d, Latency: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}
	for i := range hosts {
		s.Hosts = append(s.Hosts, scenarios.Host{Name: fmt.Sprintf("n%d", i)})
	}
	for _, h := range s.Hosts[hosts-4:] {
		s.Faults = append(s.Faults, scenarios.Fault{At: 2 * time.Second, Fault: fmt.Sprintf(attack, h.Name)})
	}
	return s
}

// TestAttacksThatLastAreOutlasted gives the defences that forget something time to.
func TestAttacksThatLastAreOutlasted(t *testing.T) {
	for attack, hosts := range map[string]int{"lure %s n3": 24, "accuse %s 8": 12, "sybil %s 100": 12, "future %s": 12} {
		r, err := scenarios.Run(besieged(hosts, 2*time.Minute, attack), scenarios.Options{Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != scenarios.Pass {
			t.Errorf("%s: %s %v", attack, r.Verdict, r.Violations)
		}
	}
}
