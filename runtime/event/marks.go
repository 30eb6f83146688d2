package event

import "slices"

// marks are the rare places of the product that report a Mark, in order of name.
var marks = []string{
	"discovery-bootstrapper-nonsense", // a Bootstrapper found something that cannot be dialled
	"discovery-cache-unreadable",      // the peers of the last run are lost
	"discovery-cache-unsaved",         // those of this one will be
	"discovery-floor-ahead",           // a clock was wrong, in this run or the last
	"discovery-floor-unreadable",      // the highest version of the last run is lost
	"discovery-floor-unsaved",         // that of this one may be
	"discovery-refuted",               // the node was said not to answer, and said that it does
	"discovery-superseded-itself",     // it heard a newer entry of its own
	"discovery-unknown-message",       // of a later version
	"discovery-unknown-rumour",        // of a later version
	"stream/block-max",                // a consumer took nothing for as long as a producer may wait
	"stream/costly-criteria",          // all criteria together cost more than a producer gives them
	"stream/gave-up",                  // a consumer waits for news
	"stream/ring-full",                // the lag policy decides
	"stream/unknown-message",          // of a later version
	"stream/waits-for-reader",         // a consumer that was too slow waits until its application takes something
}

// Marks lists the names of the rare places that the product reports, sorted: a simulation
// that never gets to one of them says nothing about it.
func Marks() []string { return slices.Clone(marks) }
