package scenarios

import "slices"

// library holds the named scenarios, in order of name. Each is in a file of its
// own, with a doc that says what it must catch.
var library = []func() Scenario{
	badLines, badMachines, bridge, byzantine, capacityRace, criteriaMix, departures, driftingPath,
	flapping, hello, herd, identityInUse, joinStorm, longPartition, mixedVersions, partitionHeal,
	producerRestart, renewals, revocation, ring, rollingRestart, shutdown, skipPolicies, slowConsumer,
	slowPath, slowReader, ticketExpiry,
}

// SwarmName is the name under which each seed gives a scenario of its own.
const SwarmName = "swarm"

// Library lists the named scenarios, in order of name. Swarm is not among them.
func Library() []Scenario {
	list := make([]Scenario, len(library))
	for i, f := range library {
		list[i] = f()
	}
	return list
}

// Named gives the scenario of a name and a seed; only Swarm's depends on the
// seed.
func Named(name string, seed uint64) (Scenario, bool) {
	if name == SwarmName {
		return Swarm(seed), true
	}
	list := Library()
	i := slices.IndexFunc(list, func(s Scenario) bool { return s.Name == name })
	if i < 0 {
		return Scenario{}, false
	}
	return list[i], true
}

// Names lists what Named knows.
func Names() []string {
	var names []string
	for _, s := range Library() {
		names = append(names, s.Name)
	}
	names = append(names, SwarmName)
	slices.Sort(names)
	return names
}
