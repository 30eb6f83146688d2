//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

// lockKey does nothing where there is no flock: peers find a key that runs twice.
func lockKey(string) (unlock func(), err error) { return func() {}, nil }

// lockStore does nothing where there is no flock.
func lockStore(string) (unlock func(), err error) { return func() {}, nil }
