package quicnet

import "github.com/smalti/smalti/runtime/ident"

// Network is the network whose peers the transport accepts. node.New compares it with
// that of discovery.
func (t *Transport) Network() ident.NetworkID { return t.config.Network }
