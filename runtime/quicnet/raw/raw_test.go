package raw_test

import (
	"context"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/quicnet/raw"
)

func TestCarryMovesAllBytesInEachRound(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := raw.Open(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, bytes := range []int{1, raw.Chunk + 1, 8 << 20} {
		took, err := b.Carry(ctx, bytes)
		if err != nil || took <= 0 {
			t.Errorf("%d bytes took %s, %v; want some time and no error", bytes, took, err)
		}
	}
	b.Close()
}

func TestCarryEndsWithItsDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	b, err := raw.Open(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	short, cancelShort := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancelShort()
	if took, err := b.Carry(short, 1<<30); err == nil {
		t.Errorf("a gigabyte was carried within %s, want an error", took)
	}
}
