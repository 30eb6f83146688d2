package stream

import (
	"slices"

	"github.com/smalti/smalti/runtime/ident"
)

// maxAdmissions bounds the admissions that a producer remembers.
const maxAdmissions = 1024

// admissions holds the consumers that a producer admitted and that have not shown since that
// they heard of it, the latest last. Its zero value is ready.
type admissions []admission

type admission struct {
	peer     ident.PeerID
	consumer uint64 // as the consumer names itself
	first    uint64 // number of the first datum that was meant for it
}

// add notes that a consumer is admitted and gets what follows from next on. It returns the
// first number that was meant for the consumer: next, or a lower one if it did not hear of an
// earlier admission.
func (a *admissions) add(peer ident.PeerID, consumer, next uint64) uint64 {
	if consumer == 0 {
		return next // it has no name
	}
	if i := a.index(peer, consumer); i >= 0 {
		return (*a)[i].first
	}
	if len(*a) == maxAdmissions {
		*a = slices.Delete(*a, 0, 1)
	}
	*a = append(*a, admission{peer, consumer, next})
	return next
}

// heard notes that a consumer knows of its admission.
func (a *admissions) heard(peer ident.PeerID, consumer uint64) {
	if i := a.index(peer, consumer); i >= 0 {
		*a = slices.Delete(*a, i, i+1)
	}
}

func (a *admissions) index(peer ident.PeerID, consumer uint64) int {
	return slices.IndexFunc(*a, func(x admission) bool { return x.consumer == consumer && x.peer == peer })
}
