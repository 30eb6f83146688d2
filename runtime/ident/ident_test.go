package ident_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/ident"
)

func TestNameOf64HexDigitsIsTheIDItself(t *testing.T) {
	hashed := ident.Stream("prices")
	if got := ident.Stream(hashed.String()); got != hashed {
		t.Errorf("Stream(%s) = %s, want the same id", hashed, got)
	}
	if got := ident.Stream(strings.ToUpper(hashed.String())); got != hashed {
		t.Errorf("upper-case digits gave %s, want %s", got, hashed)
	}
	almost := hashed.String()[1:] + "g"
	if got := ident.Stream(almost); got.String() == almost {
		t.Errorf("a text that is not hexadecimal was taken as digits: %s", got)
	}
}

func TestParsePeerIDRefusesMalformedText(t *testing.T) {
	for _, text := range []string{"", "ab", strings.Repeat("g", 64), strings.Repeat("a", 65)} {
		if _, err := ident.ParsePeerID(text); !errors.Is(err, ident.ErrMalformed) {
			t.Errorf("ParsePeerID(%q) = %v, want ErrMalformed", text, err)
		}
	}
}

func TestKeyRoundTripsThroughItsFile(t *testing.T) {
	key := ident.KeyFromSeed([32]byte{1, 2, 3})
	back, err := ident.ParseKey(key.Format())
	if err != nil {
		t.Fatal(err)
	}
	if back.PeerID() != key.PeerID() {
		t.Errorf("peer id %s, want %s", back.PeerID(), key.PeerID())
	}
	if _, err := ident.ParseKey("not a key"); !errors.Is(err, ident.ErrMalformed) {
		t.Errorf("ParseKey of nonsense = %v, want ErrMalformed", err)
	}
}

func TestKeyNeverPrintsItsSecret(t *testing.T) {
	key := ident.KeyFromSeed([32]byte{0xab, 0xcd})
	secret := strings.TrimSpace(key.Format())
	for _, text := range []string{fmt.Sprint(key), fmt.Sprintf("%v", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%+v", key)} {
		if strings.Contains(text, secret) {
			t.Errorf("%q contains the secret", text)
		}
	}
}

func TestSignatureIsBoundToDomainMessageAndPeer(t *testing.T) {
	key, other := ident.KeyFromSeed([32]byte{1}), ident.KeyFromSeed([32]byte{2})
	message := []byte("hello")
	signature := key.Sign("test/1", message)
	if !key.PeerID().Verify("test/1", message, signature) {
		t.Fatal("own signature refused")
	}
	forged := append([]byte(nil), signature...)
	forged[7] ^= 1
	for name, ok := range map[string]bool{
		"other domain":    key.PeerID().Verify("test/2", message, signature),
		"other message":   key.PeerID().Verify("test/1", []byte("hellp"), signature),
		"other peer":      other.PeerID().Verify("test/1", message, signature),
		"flipped bit":     key.PeerID().Verify("test/1", message, forged),
		"short signature": key.PeerID().Verify("test/1", message, signature[:63]),
		"shifted domain":  key.PeerID().Verify("test/1\x00h", []byte("ello"), signature),
	} {
		if ok {
			t.Errorf("%s: signature accepted", name)
		}
	}
}

func ExampleStream() {
	id := ident.Stream("prices")
	fmt.Println(id.Short(), id == ident.Stream(id.String()))
	// Output: cbcd0022f4 true
}
