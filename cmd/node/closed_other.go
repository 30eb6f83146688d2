//go:build !unix

package main

// isClosed returns errNoFile: writes to a closed stream fail on systems that are no Unix.
func isClosed(any) (bool, error) { return false, errNoFile }
