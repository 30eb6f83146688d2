package fault

// MarkStall says that a program misbehaved, or a ticket was refused, for this fault.
const MarkStall = "fault.stall"

var stallClass = Class{
	Name: "stall", Usage: "stall a", Doc: "The consumers on the host stop reading.",
	Marks: []string{MarkStall}, parse: turnOn("stall"),
}
