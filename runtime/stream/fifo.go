package stream

import "slices"

// fifo is a queue in one slice. Its owner bounds it; the slice grows to at most
// twice the most elements that were queued at once, and then stays.
type fifo[T any] struct {
	items []T // the oldest at head
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

// all gives everything queued, the oldest first, until the next call.
func (q *fifo[T]) all() []T { return q.items[q.head:] }

func (q *fifo[T]) push(v ...T) {
	// Moving is paid for by the pops that made the room: at least as many.
	if len(q.items)+len(v) > cap(q.items) && q.head >= q.len() {
		n := copy(q.items, q.all())
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, v...)
}

// pop removes the n oldest.
func (q *fifo[T]) pop(n int) {
	clear(q.items[q.head : q.head+n])
	q.head += n
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}

// remove removes the element at index i of all.
func (q *fifo[T]) remove(i int) {
	q.items = slices.Delete(q.items, q.head+i, q.head+i+1)
}
