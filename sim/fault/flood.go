package fault

// MarkFlood says that a producer sent a burst.
const MarkFlood = "fault.flood"

// maxFlood is the largest burst: enough to fill any queue of a scenario.
const maxFlood = 10_000

var floodClass = Class{
	Name: "flood", Usage: "flood a 64", Doc: "The producers on the host send so many datums at once.",
	Marks: []string{MarkFlood}, parse: turnUp("flood", maxFlood),
}
