package discovery

import (
	"container/heap"
	"time"

	"github.com/smalti/smalti/runtime"
)

// agenda holds what the worker does at which time, under one timer. Nothing is taken
// off it: what is due looks whether it still has something to do.
type agenda struct {
	clock  runtime.Clock
	strand runtime.Strand
	heap   appointments
	seq    uint64
	timer  runtime.Timer // nil until the first
	armed  time.Duration // Mono of the timer, if the heap is not empty
	over   bool
}

type appointment struct {
	at  time.Duration // Mono
	seq uint64
	do  func()
}

// in does something after a while.
func (a *agenda) in(d time.Duration, do func()) {
	if a.over {
		return
	}
	a.seq++
	heap.Push(&a.heap, appointment{a.clock.Mono() + d, a.seq, do})
	a.arm()
}

func (a *agenda) arm() {
	if a.over || len(a.heap) == 0 {
		return
	}
	next := a.heap[0].at
	switch wait := max(0, next-a.clock.Mono()); {
	case a.timer == nil:
		a.timer = a.clock.AfterFunc(a.strand, wait, a.due)
	case a.armed != next:
		a.timer.Reset(wait)
	}
	a.armed = next
}

func (a *agenda) due() {
	a.armed = -1
	now := a.clock.Mono()
	for !a.over && len(a.heap) > 0 && a.heap[0].at <= now {
		heap.Pop(&a.heap).(appointment).do()
	}
	a.arm()
}

// stop does nothing more.
func (a *agenda) stop() {
	a.over, a.heap = true, nil
	if a.timer != nil {
		a.timer.Stop()
	}
}

// appointments is a heap in order of time, then of age.
type appointments []appointment

func (h appointments) Len() int { return len(h) }
func (h appointments) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].seq < h[j].seq
}
func (h appointments) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *appointments) Push(x any)   { *h = append(*h, x.(appointment)) }
func (h *appointments) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = appointment{}
	*h = old[:len(old)-1]
	return last
}
