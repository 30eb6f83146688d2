package fault

// MarkRenew says that a node got a new ticket out of turn.
const MarkRenew = "fault.renew"

var renewClass = Class{
	Name: "renew", Usage: "renew a", Doc: "The host gets a new ticket at once, if it has one.",
	Marks: []string{MarkRenew}, parse: turnOn("renew"),
}
