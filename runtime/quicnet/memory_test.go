package quicnet_test

import (
	goruntime "runtime"
	"testing"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// idleLink bounds what one end of a link costs that says nothing, in bytes.
const idleLink = 1 << 10

// still is a handler that costs nothing.
type still struct{ opened chan<- struct{} }

func (h still) OnOpen()               { h.opened <- struct{}{} }
func (still) OnMessage([]byte)        {}
func (still) OnWritable()             {}
func (still) OnClosed(runtime.Closed) {}

// heap returns the memory that is in use, in bytes.
func heap() int64 {
	goruntime.GC()
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func TestIdleLinksCostLittle(t *testing.T) {
	x, y := start(t, "x"), start(t, "y")
	if _, err := y.Listen(runtime.Protocol{Name: proto}, y.strand, func(l runtime.Link) { l.Bind(y.strand, still{}) }); err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{}, 1)
	h := runtime.Handler(still{opened})
	dial := func() {
		x.do(func() { x.Dial(y.Local(), y.Addrs(), runtime.Protocol{Name: proto}, x.strand, h) })
		await(t, "open", opened)
	}
	for range 8 { // one for each lane, at least
		dial()
	}
	before := heap()
	const links = wire.LinksPerPeer - 8
	for range links {
		dial()
	}
	each := (heap() - before) / (2 * links)
	t.Logf("%d bytes for each end of a link", each)
	if each > idleLink {
		t.Errorf("each end of an idle link costs %d bytes, want %d at most", each, idleLink)
	}
}
