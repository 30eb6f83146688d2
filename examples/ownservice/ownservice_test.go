package ownservice_test

import (
	"testing"

	"github.com/smalti/smalti/examples/ownservice"
	"github.com/smalti/smalti/scenarios"
	"github.com/smalti/smalti/sim/simtest"
)

func TestReadingsNeverGoBack(t *testing.T) {
	simtest.Scenario(t, 20, func(seed uint64) scenarios.Scenario {
		return scenarios.SwarmOf(seed, []string{"sensor", "display"})
	}, ownservice.Sensor, ownservice.Display)
}
