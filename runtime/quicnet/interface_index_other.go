//go:build !linux && !darwin

package quicnet

import "net"

// staleIndex reports whether a send fails because of the interface index in its control
// message. QUIC sends none on this system.
func staleIndex(error) bool { return false }

func withoutIndex([]byte, *net.UDPAddr) ([]byte, bool) { return nil, false }
