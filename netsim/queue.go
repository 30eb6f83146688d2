package netsim

// queue is a link's messages that are not wholly on the wire.
type queue struct {
	messages [][]byte
	head     int
	bytes    int
}

func (q *queue) len() int { return len(q.messages) - q.head }

func (q *queue) first() []byte { return q.messages[q.head] }

func (q *queue) push(m []byte) {
	if q.head > 0 && len(q.messages) == cap(q.messages) {
		n := copy(q.messages, q.messages[q.head:])
		clear(q.messages[n:])
		q.messages, q.head = q.messages[:n], 0
	}
	q.messages = append(q.messages, m)
	q.bytes += len(m)
}

func (q *queue) pop() {
	q.bytes -= len(q.messages[q.head])
	q.messages[q.head] = nil
	q.head++
	if q.head == len(q.messages) {
		q.messages, q.head = q.messages[:0], 0
	}
}

// rest takes all messages out; nil if there are none.
func (q *queue) rest() [][]byte {
	var rest [][]byte
	if q.len() > 0 {
		rest = q.messages[q.head:]
	}
	*q = queue{}
	return rest
}
