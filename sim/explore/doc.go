// Package explore has strategies: orders of a world's steps that a fair draw
// among all that could run seldom gives. A strategy has a text form, which
// Parse reads: an order, and what else is done to it, joined by "+".
//
//	p, err := explore.Parse("starve+pct:3")
//	w := sim.New(sim.Config{Seed: 7, Strategy: p.New})
//
// Choices makes a strategy of bytes, for fuzzing.
//
// The orders are random, fifo, lifo, pct:D and delay:N. starve and lag change
// whatever order they stand beside, random if there is none. List explains each.
//
// A world's time stands still while strands have work, so an order alone only
// decides within an instant. starve and lag let time move on by a small bound
// before all work is done, as on a machine whose cores are busy.
//
// # Concurrency
//
// A strategy belongs to one world. It draws from a random stream of its own:
// the same seed gives the same run.
package explore
