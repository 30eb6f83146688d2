package main

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/node"
)

// TestCloseWaitsWhileAConsumerTakesSomething closes a node while its consumer is slow: it takes
// something all the time, and needs more time than a consumer that takes nothing gets.
func TestCloseWaitsWhileAConsumerTakesSomething(t *testing.T) {
	t.Parallel()
	const (
		datums  = 240
		size    = 64 << 10 // the queues hold 64 each
		slow    = 60 * time.Millisecond
		atLeast = 6 * time.Second
	)
	c, err := newCluster(1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	producer, consumers, err := c.connect(t.Context(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan int, 1)
	var closed atomic.Bool
	go func() {
		n := 0
		for n < datums {
			limited, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := consumers[0].Recv(limited)
			cancel()
			if err != nil {
				t.Errorf("datum %d: %v", n+1, err)
				break
			}
			if n++; !closed.Load() {
				_ = c.consumers[0].Env().Sleep(t.Context(), slow)
			}
		}
		received <- n
	}()
	for range datums {
		if _, err := producer.Send(t.Context(), make([]byte, size)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := c.producer.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	took := time.Since(began)
	closed.Store(true)
	if n := <-received; n != datums {
		t.Errorf("%d datums arrived, want %d", n, datums)
	}
	t.Logf("closed after %s", took)
	if took < atLeast {
		t.Errorf("closed after %s, want more than %s, or else nothing was tried", took, atLeast)
	}
	if closeMax <= node.DefaultCloseMax {
		t.Errorf("a command waits %s for the end of its node, which may take %s", closeMax, node.DefaultCloseMax)
	}
}
