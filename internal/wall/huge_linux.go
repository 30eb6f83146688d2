package wall

import "golang.org/x/sys/unix"

// huge asks the system for large pages under the next size bytes of the heap, for a program
// that walks over gigabytes in no order and would spend much of its time on finding pages. The
// ballast is never touched, so that it takes addresses and no memory; what the heap
// grows into later keeps the advice. Where it is not heeded nothing is lost.
func huge(size int64) {
	ballast := make([]byte, size)
	_ = unix.Madvise(ballast, unix.MADV_HUGEPAGE)
}
