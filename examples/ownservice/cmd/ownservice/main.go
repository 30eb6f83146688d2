// Command ownservice is simrun for the service of package ownservice: seeds,
// sweeps and verification for one's own code.
package main

import (
	"github.com/smalti/smalti/examples/ownservice"
	"github.com/smalti/smalti/sim/simrun"
)

func main() { simrun.Main(ownservice.Sensor, ownservice.Display) }
