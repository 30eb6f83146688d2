package fault

// MarkPanic says that a callback panicked as it was told.
const MarkPanic = "fault.panic"

// PanicText is what callbacks panic with because of this fault, so that a panic
// that nobody ordered can be told from it.
const PanicText = "ordered by the fault panic"

var panicClass = Class{
	Name: "panic", Usage: "panic a", Doc: "The requirements of the producers on the host panic when they are asked.",
	Marks: []string{MarkPanic}, parse: turnOn("panic"),
}
