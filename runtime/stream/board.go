package stream

import "github.com/smalti/smalti/runtime"

// board tells the application of a worker's Status. Making one costs as much as
// there are subscriptions, so that it is made once for all that changes while
// the strand is busy. It lives on the worker's strand.
type board struct {
	strand runtime.Strand
	status *runtime.Watch[Status]
	look   func() Status // the worker's, bound once
	post   func()        // onPost, bound once
	posted bool
}

func newBoard(strand runtime.Strand, status *runtime.Watch[Status], look func() Status) *board {
	b := &board{strand: strand, status: status, look: look}
	b.post = b.onPost
	return b
}

// changed has the Status told soon.
func (b *board) changed() {
	if !b.posted {
		b.posted = true
		b.strand.Post(b.post)
	}
}

func (b *board) onPost() {
	b.posted = false
	b.update()
}

// update tells it now.
func (b *board) update() { b.status.Set(b.look()) }
