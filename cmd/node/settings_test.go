package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
)

func TestBootstrapLeavesTheNodeItselfOut(t *testing.T) {
	self, other := ident.PeerID{1}, ident.PeerID{2}
	at := func(id ident.PeerID) string { return id.String() + "@127.0.0.1:4701" }
	for name, x := range map[string]struct {
		texts []string
		want  int // peers; -1: refused
	}{
		"none":                  {nil, 0},
		"another":               {[]string{at(other)}, 1},
		"a list with itself":    {[]string{at(self), at(other)}, 1},
		"itself":                {[]string{at(self)}, -1},
		"itself at two of them": {[]string{at(self), at(self)}, -1},
	} {
		peers, err := readBootstrap(x.texts, self)
		if x.want >= 0 {
			if err != nil || len(peers) != x.want || x.want == 1 && peers[0].Peer != other {
				t.Errorf("%s: got %v, %v, want %d peers", name, peers, err, x.want)
			}
			continue
		}
		f, _ := errors.AsType[*fault](err)
		if f == nil || f.code != codeBadInput || !strings.Contains(f.Error(), "--bootstrap") {
			t.Errorf("%s: got %v, want an error that names the flag", name, err)
		}
	}
}
