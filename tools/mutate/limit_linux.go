package main

import "syscall"

// maxMemory bounds the address space of this process and of all that it starts: a mutant that
// allocates without end is killed by it before the machine begins to swap. Builds need less.
const maxMemory = 8 << 30

func limit() error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: maxMemory, Max: maxMemory})
}
