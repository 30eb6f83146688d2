//go:build plan9

package constrained
