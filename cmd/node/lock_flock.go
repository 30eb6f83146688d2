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
	unlock, busy, err := lock(path)
	if err != nil {
		return nil, badInput("check the file", "lock key file: %w", err)
	}
	if busy {
		return nil, badInput("end it first, or give each node a key of its own, see node keygen",
			"another process on this machine runs with --key %s", path)
	}
	return unlock, nil
}

// lockStore keeps other commands on this machine from using a store directory until unlock,
// or the end of the process. It makes the directory, and refuses one that another process
// uses. The lock is on the directory and not on a file in it, so a key file may be there.
// It does not report a directory that cannot be used: opening the store does.
func lockStore(dir string) (unlock func(), err error) {
	if dir == "" || os.MkdirAll(dir, 0o700) != nil {
		return func() {}, nil
	}
	unlock, busy, err := lock(dir)
	if err != nil {
		return func() {}, nil
	}
	if busy {
		return nil, badInput("end it first, or give each node a directory of its own, or --store none",
			"another process on this machine uses the store directory %s", dir)
	}
	return unlock, nil
}

// lock locks a file or a directory until unlock. busy reports whether another one has it
// locked. Where the file system has no locks it locks nothing. The error is that of opening.
func lock(path string) (unlock func(), busy bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		_ = f.Close() // it was only opened
		return nil, true, nil
	}
	return func() { _ = f.Close() }, false, nil // which unlocks it
}
