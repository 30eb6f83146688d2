package fault

import (
	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/wire"
)

// MarkMalform says that somebody hung up on who sent it what no node sends.
const MarkMalform = "fault.malform"

var malformClass = Class{
	Name: "malform", Usage: "malform a", Doc: "The host sends frames that are too large, cut off or nonsense, on all protocols.",
	Marks: []string{MarkMalform}, parse: attackOf("malform", MarkMalform, func() tactic { return malform }),
}

// oversize is above what any control message may be.
const oversize = wire.MaxControl + 1

// hugeNoise is nonsense, hugeMap is well-formed, for later versions to know.
var (
	hugeNoise = make([]byte, oversize)
	hugeMap   = wire.MustMarshal(map[int]any{99: hugeNoise})
)

func malform(l *liar) {
	h := l.other()
	if h == nil {
		return
	}
	for _, p := range protocols {
		l.dial(h, p, &talk{says: [][]byte{l.malformed()}, stays: true, ended: func(c runtime.Closed) {
			if !c.Local && (c.Reason == wire.ProtocolViolation || c.Reason == wire.TooLarge || c.Reason == wire.VersionMismatch) {
				l.bit()
			}
		}})
	}
}

// malformed draws a frame.
func (l *liar) malformed() []byte {
	switch l.rand.IntN(6) {
	case 0:
		return hugeNoise
	case 1:
		return hugeMap
	case 2:
		whole := lies{entries: [][]byte{l.entry(l.self.Key(), l.now(), nil)}}.gossip()
		return whole[:len(whole)/2]
	case 3:
		return wire.MustMarshal(map[int]any{1: "a text", 2: []int{-1}, 5: map[int]int{}})
	case 4:
		return []byte{}
	}
	noise := make([]byte, 1+l.rand.IntN(100))
	for i := range noise {
		noise[i] = byte(l.rand.IntN(256))
	}
	return noise
}
