package stream

import (
	"errors"
	"testing"

	"github.com/smalti/smalti/runtime"
)

// dropped is a strand on which nothing runs.
type dropped struct{ runtime.Strand }

func (dropped) Post(func()) {}

func TestInputHasRoomAgainForTheBytesThatWereTaken(t *testing.T) {
	q := &input{env: &runtime.Env{}, strand: dropped{}, max: room{datums: 8, bytes: 100, empty: true}, online: true, next: 1}
	put := func(size int, want error) {
		t.Helper()
		if _, err := q.put(make([]byte, size)); !errors.Is(err, want) {
			t.Errorf("put %d bytes beside %d: %v, want %v", size, q.bytes, err, want)
		}
	}
	put(60, nil)
	put(41, ErrFull)
	put(40, nil)
	if batch, more := q.take(nil, room{datums: 1, bytes: 100, empty: true}); len(batch) != 1 || !more {
		t.Fatalf("took %d frames, more left: %v", len(batch), more)
	}
	put(61, ErrFull)
	put(60, nil)
}
