package quicnet

import "sync"

// list is a queue of messages. Its memory is borrowed while there are any, so that an idle
// link costs none.
type list struct {
	m    [][]byte // nil: empty
	head int
	room *room
}

// room is memory for a list.
type room struct{ m [][]byte }

// rooms holds room that no list needs at present.
var rooms = sync.Pool{New: func() any { return &room{m: make([][]byte, 0, 64)} }}

func (q *list) len() int { return len(q.m) - q.head }

// all returns what is queued, the oldest first, until the next call.
func (q *list) all() [][]byte { return q.m[q.head:] }

func (q *list) first() []byte { return q.m[q.head] }

func (q *list) push(m []byte) {
	if q.room == nil {
		q.room = rooms.Get().(*room)
		q.m = q.room.m[:0]
	}
	q.m = append(q.m, m)
}

// pop removes the oldest.
func (q *list) pop() {
	q.m[q.head] = nil
	if q.head++; q.head == len(q.m) {
		q.clear()
	}
}

// clear removes all.
func (q *list) clear() {
	if q.room == nil {
		return
	}
	clear(q.all())
	q.room.m = q.m[:0]
	rooms.Put(q.room)
	*q = list{}
}
