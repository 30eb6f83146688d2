// Package sim is the simulated world: a seeded kernel that runs the strands,
// tasks and timers of many hosts one step at a time, in virtual time, and the
// hosts themselves, which crash, restart and disagree about the time.
//
// A World is made from a seed. Everything in it is a function of that seed and
// of the code that runs: the same seed gives the same steps in the same order
// with the same hash, on every machine. What a host's program sees is a
// runtime.Env like the one of a real node.
//
//	w := sim.New(sim.Config{Seed: 42})
//	defer w.Close()
//	w.Host("a").Boot(func(ctx context.Context, env *runtime.Env) { ... })
//	err := w.Run(time.Minute)
//
// # Concurrency
//
// A World belongs to one goroutine: no two of its steps run at once, and all
// its methods are called either between runs or from code that it runs.
//
// # Failure
//
// A panic in simulated code, a livelock, and what Fail is told end the run;
// Run returns them as a *Failure. A crash of a host unwinds its tasks where
// they are parked; from then on their Env does nothing. A host may also stand
// still (Pause), be short of processors (Slow), have a bad Disk, or run with the
// key of another (BorrowKey). A step that blocks on
// something outside the contract cannot be ended: after ten seconds of real
// time the world reports the stack and ends the process.
package sim
