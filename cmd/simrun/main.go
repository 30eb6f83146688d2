// Command simrun runs smalti in a simulated world, reproducibly: a seed is a bug
// report. See simrun --help.
package main

import "github.com/smalti/smalti/sim/simrun"

func main() { simrun.Main() }
