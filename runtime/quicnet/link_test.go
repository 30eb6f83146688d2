package quicnet_test

import (
	"testing"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

func TestMessagesOfEverySizeArriveInOrderBothWays(t *testing.T) {
	for _, size := range []int{0, 1, 16, 128, 5000, 65 << 10, 300 << 10} {
		near, far := pair(t)
		count := max(3, min(2000, 4<<20/(size+1)))
		near.send(batch(count, size)...)
		far.send(batch(count, size)...)
		far.expect(count, size)
		near.expect(count, size)
		near.n.Close()
		far.n.Close()
	}
}

func TestPeerLearnsTheReasonOfAClose(t *testing.T) {
	near, far := pair(t)
	near.do(func(l runtime.Link) { l.Close(wire.TooSlow) })
	if c := near.awaitClosed(); c.Reason != wire.TooSlow || !c.Local {
		t.Errorf("here: %v", c)
	}
	if c := far.awaitClosed(); c.Reason != wire.TooSlow || c.Local {
		t.Errorf("there: %v", c)
	}
}

func TestDrainIsConfirmedByThePeersHandler(t *testing.T) {
	near, far := pair(t)
	far.do(func(l runtime.Link) { l.Pause() })
	near.send(batch(100, 1000)...)
	near.do(func(l runtime.Link) { l.Drain(wire.GracefulShutdown, patience) })
	select {
	case c := <-near.closed:
		t.Fatalf("%v while the peer's handler is paused", c)
	case <-time.After(50 * time.Millisecond):
	}
	far.do(func(l runtime.Link) { l.Resume() })
	if c := near.awaitClosed(); c.Reason != wire.GracefulShutdown || !c.Drained || !c.Local {
		t.Errorf("here: %+v", c)
	}
	if got := len(far.messages); got != 100 {
		t.Errorf("confirmed after %d messages of 100", got)
	}
	if c := far.awaitClosed(); c.Reason != wire.GracefulShutdown || c.Local {
		t.Errorf("there: %+v", c)
	}
}
