package discovery

import (
	"slices"
	"sync"
)

// Verifier turns bytes into entries. Verify is a pure function of raw: whoever asks gets
// the same answer, so the result can be shared. It must not keep raw itself, which is
// a piece of a larger message. It must be safe for concurrent use.
type Verifier interface {
	Verify(raw []byte) (*Signed, error)
}

// wordVerifier is a Verifier that verifies suspicions too, and remembers those that
// were right. What holds for Verify holds for it.
type wordVerifier interface {
	verifyWord(word *Suspicion) error
}

// halfBytes bounds the bytes of the entries in either half of a verifier's memory: a few
// peers with large entries must not fill it.
const halfBytes = 8 << 20

// defaultVerifierSize is how many entries a node's own verifier remembers.
const defaultVerifierSize = 8 << 10

// NewVerifier gives a Verifier that is Parse with a memory of at most size
// entries (8,192 for 0) or 16 MiB of them, keyed by their exact bytes, and of as many
// suspicions. Refusals are not remembered, for those who lie could fill any memory.
func NewVerifier(size int) Verifier {
	v := newVerifier(size)
	return &v
}

func newVerifier(size int) verifier {
	if size <= 0 {
		size = defaultVerifierSize
	}
	return verifier{half: max(1, size/2), young: map[string]*Signed{}, words: map[string]struct{}{}}
}

// WorldVerifier is the Verifier of all nodes of a simulated world: each entry and each
// suspicion is verified once and not once by each node, and a message that several of them
// hear is read once. Other than Verifier demands, it is for nodes that run on one thread.
type WorldVerifier struct {
	verifier
	frames frames
}

// NewWorldVerifier makes one with a memory as that of NewVerifier.
func NewWorldVerifier(size int) *WorldVerifier { return &WorldVerifier{verifier: newVerifier(size)} }

// Verified counts the entries that were verified so far.
func (v *WorldVerifier) Verified() uint64 { return v.verified }

// verifier forgets in halves: when the young half is full it becomes the old
// one, and what is asked for again comes back into the young.
type verifier struct {
	mu         sync.Mutex
	half       int
	verified   uint64
	bytes      int // of the young half
	young, old map[string]*Signed

	words, oldWords map[string]struct{} // suspicions, in halves as well
}

// verifyWord is the suspicion's verify with a memory: neighbours tell each other the
// same ones, and a world has one verifier.
func (v *verifier) verifyWord(word *Suspicion) error {
	v.mu.Lock()
	_, young := v.words[string(word.raw)]
	_, old := v.oldWords[string(word.raw)]
	v.mu.Unlock()
	if young {
		return nil
	}
	if !old {
		if err := word.verify(); err != nil {
			return err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.words) >= v.half {
		v.oldWords, v.words = v.words, map[string]struct{}{}
	}
	v.words[string(word.raw)] = struct{}{}
	return nil
}

func (v *verifier) Verify(raw []byte) (*Signed, error) {
	if s := v.recall(raw); s != nil {
		return s, nil
	}
	s, err := Parse(slices.Clone(raw))
	if err != nil {
		return nil, err
	}
	return v.remember(s), nil
}

func (v *verifier) recall(raw []byte) *Signed {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.young[string(raw)]; s != nil {
		return s
	}
	s := v.old[string(raw)]
	if s != nil {
		v.add(s)
	}
	return s
}

// remember gives the entry that was there first, if two verified at once.
func (v *verifier) remember(s *Signed) *Signed {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.verified++
	if first := v.young[string(s.Raw)]; first != nil {
		return first
	}
	v.add(s)
	return s
}

func (v *verifier) add(s *Signed) {
	if len(v.young) >= v.half || v.bytes+len(s.Raw) > halfBytes {
		v.old, v.young, v.bytes = v.young, map[string]*Signed{}, 0
	}
	v.bytes += len(s.Raw)
	v.young[string(s.Raw)] = s
}
