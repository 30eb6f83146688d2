package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
)

// ErrToken is wrapped by the errors of Issue that are about what it was given.
var ErrToken = errors.New("token cannot be issued")

// Token is what to put into a token. What is zero is left out, but for the subject,
// which is then the peer. Dates are cut to whole seconds.
type Token struct {
	Issuer   string
	Subject  string // other than the peer: the token is bound by its confirmation
	Audience []string
	ID       string // jti: what a DenyList knows it by
	Expires  time.Time
	// NotBefore is when it begins to be valid, IssuedAt when it was made: now, by
	// the clock of whoever issues it.
	NotBefore, IssuedAt time.Time
	Claims              map[string]any // whatever else it says
}

// Issue signs a token that is bound to peer.
func (k SigningKey) Issue(peer ident.PeerID, t Token) (ticket.Ticket, error) {
	if k.private == nil {
		return ticket.Ticket{}, fmt.Errorf("issue JWT: the key is the zero value: %w", ErrKey)
	}
	if peer.IsZero() {
		return ticket.Ticket{}, fmt.Errorf("issue JWT: no peer to bind it to: %w", ErrToken)
	}
	claims, err := t.claims(peer)
	if err != nil {
		return ticket.Ticket{}, fmt.Errorf("issue JWT: %w: %w", err, ErrToken)
	}
	header := map[string]string{"alg": string(k.alg), "typ": "JWT"}
	if k.id != "" {
		header["kid"] = k.id
	}
	parts := make([]string, 2)
	for i, part := range []any{header, claims} {
		b, err := json.Marshal(part) // names in order: equal tokens are equal bytes
		if err != nil {
			return ticket.Ticket{}, fmt.Errorf("issue JWT: %w: %w", err, ErrToken)
		}
		parts[i] = base64.RawURLEncoding.EncodeToString(b)
	}
	text := parts[0] + "." + parts[1]
	sig, err := k.sign(text)
	if err != nil {
		return ticket.Ticket{}, fmt.Errorf("issue JWT: sign: %w", err)
	}
	data := []byte(text + "." + base64.RawURLEncoding.EncodeToString(sig))
	if len(data) > ticket.MaxData {
		return ticket.Ticket{}, fmt.Errorf("issue JWT: %d bytes, at most %d: %w", len(data), ticket.MaxData, ErrToken)
	}
	return ticket.Ticket{Class: Class, Data: data}, nil
}

func (t Token) claims(peer ident.PeerID) (map[string]any, error) {
	claims := map[string]any{"sub": peer.String()}
	if t.Subject != "" && t.Subject != peer.String() {
		claims["sub"] = t.Subject
		claims["cnf"] = map[string]string{"peer": peer.String()}
	}
	if t.Issuer != "" {
		claims["iss"] = t.Issuer
	}
	if len(t.Audience) > 0 {
		claims["aud"] = t.Audience
	}
	if t.ID != "" {
		claims["jti"] = t.ID
	}
	for _, d := range []struct {
		name string
		at   time.Time
	}{{"exp", t.Expires}, {"nbf", t.NotBefore}, {"iat", t.IssuedAt}} {
		if d.at.IsZero() {
			continue
		}
		seconds := d.at.Unix()
		if seconds < 0 || seconds > maxDate {
			return nil, fmt.Errorf("%s at %s, want a date from 1970 to 9999", d.name, d.at)
		}
		claims[d.name] = seconds
	}
	if !t.Expires.IsZero() && (!t.NotBefore.Before(t.Expires) || !t.IssuedAt.Before(t.Expires)) {
		return nil, errors.New("it ends before it begins")
	}
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		if slices.Contains(registered, name) {
			return nil, fmt.Errorf("claim %s has a field of its own", name)
		}
		claims[name] = t.Claims[name]
	}
	return claims, nil
}
