package stream

import (
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/wire"
)

// fates tell what became of each datum of a batch: how far the luckiest
// subscription without criteria got, and what those with criteria took. A datum
// is lost if nobody took it.
type fates struct {
	reason wire.Reason // why a datum is lost that nobody took, if it was offered to all
	prefix int         // datums that somebody took who takes all
	each   []fate      // of those with criteria; empty if there are none
}

// fate is what those with criteria made of one datum.
type fate struct {
	taken  bool
	reason wire.Reason
}

// begin starts a batch of n datums; sifted: some subscriptions have criteria.
func (f *fates) begin(n int, sifted bool) {
	f.reason, f.prefix, f.each = wire.NoConsumer, 0, f.each[:0]
	if sifted {
		f.each = append(f.each, make([]fate, n)...)
	}
}

// offered notes that a subscription was offered part of a batch that begins with
// datum first, and took n of it, from the first on; reason is why not the rest.
func (f *fates) offered(part [][]byte, all bool, first uint64, n int, reason wire.Reason) {
	if all {
		f.prefix = max(f.prefix, n)
		f.reason = reason.Worst(f.reason)
		return
	}
	if f.reason == wire.NoConsumer {
		f.reason = wire.NoMatch
	}
	for i, frame := range part {
		x := &f.each[frameSeq(frame)-first]
		if i < n {
			x.taken = true
		} else {
			x.reason = reason
		}
	}
}

// lost gives the reason for which datum i of the batch is lost; false: somebody
// took it.
func (f *fates) lost(i int) (wire.Reason, bool) {
	if i < f.prefix {
		return wire.None, false
	}
	if i < len(f.each) {
		if x := f.each[i]; x.taken {
			return wire.None, false
		} else if x.reason != wire.None && (f.reason == wire.NoMatch || f.reason == wire.NoConsumer) {
			return x.reason, true
		}
	}
	return f.reason, true
}

// settle tells of what a batch lost, in runs of one reason.
func (w *fanout) settle(batch [][]byte) {
	for i := w.fates.prefix; i < len(batch); {
		reason, lost := w.fates.lost(i)
		end := i + 1
		for end < len(batch) {
			if r, l := w.fates.lost(end); r != reason || l != lost {
				break
			}
			end++
		}
		if lost {
			if w.stranded {
				w.undrain.Input += end - i
			}
			w.lose(batch[i:end], reason)
		}
		i = end
	}
}

// lose tells of datums that leave the input for nobody.
func (w *fanout) lose(batch [][]byte, r wire.Reason) {
	w.env.Report(w.event(&event.Event{
		Kind: event.InputDropped, Reason: r, From: frameSeq(batch[0]), To: frameSeq(batch[len(batch)-1]), N: int64(len(batch)), Bytes: payloadBytes(batch),
	}))
	if w.undelivered == nil {
		return
	}
	for _, frame := range batch {
		_ = w.call(nobody, "undelivered", func() {
			if err := w.undelivered(framePayload(frame), r); err != nil {
				w.env.Report(w.event(&event.Event{Kind: event.DecodeFailed, Peer: w.env.Transport.Local(), From: frameSeq(frame), To: frameSeq(frame), Text: text(err)}))
			}
		})
	}
}
