//go:build unix

package main

import (
	"context"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readerPoll is how often awaitNoReader looks for a reader.
const readerPoll = 200 * time.Millisecond

// awaitNoReader returns true once a stream is a pipe or a socket that has lost its last
// reader, as a write that fails with EPIPE would show. It returns false when ctx has ended,
// and at once if the stream is anything else, such as a terminal or a file. It may run
// while another goroutine writes.
func awaitNoReader(ctx context.Context, stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) == 0 {
		return false
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false
	}
	tick := time.NewTicker(readerPoll)
	defer tick.Stop()
	for {
		// A call that does not wait needs nothing to end it. POLLOUT is there for Darwin,
		// where poll(2) reports no POLLHUP for a file of which no event was asked for.
		var events int16
		err := raw.Control(func(fd uintptr) {
			fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			if _, err := unix.Poll(fds, 0); err == nil { // else, as after EINTR, the next one
				events = fds[0].Revents
			}
		})
		switch {
		case err != nil: // it was closed
			return false
		case events&(unix.POLLERR|unix.POLLHUP) != 0:
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}
