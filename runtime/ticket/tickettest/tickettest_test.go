package tickettest_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket/tickettest"
	"github.com/smalti/smalti/runtime/wire"
)

func key(n byte) ident.Key { return ident.KeyFromSeed([32]byte{n}) }

func TestMemoryChangesNoVerdict(t *testing.T) {
	now := time.Unix(1_900_000_000, 0)
	var seen tickettest.Seen
	first, second, peer, other := key(1), key(2), key(3).PeerID(), key(4).PeerID()
	data := tickettest.Issue(first, peer, now.Add(time.Minute)).Data
	forged := bytes.Clone(data)
	forged[7] ^= 1
	for range 3 {
		for _, test := range []struct {
			name   string
			issuer ident.Key
			peer   ident.PeerID
			data   []byte
			at     time.Time
			want   error
		}{
			{"right", first, peer, data, now, nil},
			{"of another issuer", second, peer, data, now, wire.NotAllowed},
			{"of another peer", first, other, data, now, wire.NotAllowed},
			{"with another end", first, peer, forged, now, wire.NotAllowed},
			{"late", first, peer, data, now.Add(time.Hour), wire.Expired},
		} {
			v := tickettest.Validator{Issuer: test.issuer.PeerID(), Seen: &seen}
			if _, err := v.Validate(test.peer, test.data, test.at); !errors.Is(err, test.want) {
				t.Errorf("ticket %s: %v, want %v", test.name, err, test.want)
			}
		}
	}
}
