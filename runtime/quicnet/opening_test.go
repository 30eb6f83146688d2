package quicnet

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/wire"
)

// A peer that refuses a link and accepts it at once holds up nothing: who opened the link
// may not have read the refusal yet.
func TestAcceptAfterARefusalIsAViolation(t *testing.T) {
	l := &link{lane: &lane{}, opening: &opening{answer: make(chan error, 1), sent: true}}
	l.reset(wire.Overloaded)
	l.reset(wire.NoCapacity)
	done := make(chan error, 1)
	go func() { done <- l.accepted(binary.AppendUvarint(nil, 100)) }()
	select {
	case err := <-done:
		if !errors.Is(err, wire.ProtocolViolation) {
			t.Errorf("got %v, want %v", err, wire.ProtocolViolation)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the reader waits for ever")
	}
	if err := <-l.opening.answer; !errors.Is(err, wire.Overloaded) {
		t.Errorf("the opener is told %v, want %v", err, wire.Overloaded)
	}
}
