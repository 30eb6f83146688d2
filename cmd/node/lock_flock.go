//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"os"
	"syscall"
)

// lockKey keeps other commands on this machine from using a key file until unlock, or the end
// of the process. It refuses a key file that another one uses. A file system without locks is
// as if nothing else used the file: peers find a key that runs twice, too.
func lockKey(path string) (unlock func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, badInput("check the file", "lock key file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close() // it was only opened
		return nil, badInput("end it first, or give each node a key of its own, see node keygen",
			"another process on this machine runs with --key %s", path)
	}
	return func() { _ = f.Close() }, nil // which unlocks it
}
