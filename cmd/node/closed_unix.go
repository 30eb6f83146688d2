//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// isClosed reports whether a standard stream was closed when the process began. A shell
// opens /dev/null for reading or for writing, so that both at once tells the two apart.
// Programs that open it for both, such as Python's subprocess.DEVNULL, look like a closed
// stream.
func isClosed(stream any) (bool, error) {
	f, ok := stream.(*os.File)
	if !ok {
		return false, errNoFile
	}
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(info, null) {
		return false, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return false, err
	}
	var mode int
	var failed error
	err = raw.Control(func(fd uintptr) { mode, failed = unix.FcntlInt(fd, unix.F_GETFL, 0) })
	if err != nil || failed != nil {
		return false, err
	}
	return mode&unix.O_ACCMODE == unix.O_RDWR, nil
}
