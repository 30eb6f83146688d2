package jwt

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/smalti/smalti/runtime"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

// Class is the class of the tickets of this package.
var Class = ticket.NewClass("smalti/ticket/jwt/1")

// MaxLeeway bounds the leeway: whoever's clock is further off has other troubles.
const MaxLeeway = time.Minute

// ErrConfig is wrapped by everything that Config.Validate tells.
var ErrConfig = errors.New("invalid JWT configuration")

// Config says which tokens are accepted. Keys must be set.
type Config struct {
	Keys *KeySet
	// Issuers are those of which a token must name one (iss); none: any.
	Issuers []string
	// Audiences are those of which a token must name one (aud). With none, a
	// token that names an audience is meant for others, and refused.
	Audiences []string
	// Subject is what a token must name (sub) besides being bound to the peer by
	// its confirmation. Empty: the peer id, or anything if the confirmation binds
	// it.
	Subject string
	// Claims are further claims that a token must make, with exactly these values
	// in JSON.
	Claims map[string]any
	// AllowNonExpiring accepts tokens without exp.
	AllowNonExpiring bool
	// MaxLifetime refuses tokens that are valid for longer from now on; 0: no
	// bound. Together with AllowNonExpiring it contradicts itself.
	MaxLifetime time.Duration
	// MaxAge ends the right so long after the token was issued (iat), which it
	// must say then; 0: no bound.
	MaxAge time.Duration
	// Leeway is added to every end, and to the clock where a token begins to be
	// valid: for clocks that differ. 0 to MaxLeeway. It is a number of whole seconds,
	// as MaxLifetime and MaxAge are.
	Leeway time.Duration
	// Denied are the ids of withdrawn tokens; nil: none. A token without an id
	// cannot be on it.
	Denied *DenyList
}

// Validate tells everything that cannot work.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format+": %w", append(args, ErrConfig)...))
		}
	}
	check(c.Keys != nil, "no keys")
	check(c.Leeway >= 0 && c.Leeway <= MaxLeeway, "leeway of %s, want 0 to %s", c.Leeway, MaxLeeway)
	check(!slices.Contains(c.Issuers, "") && !slices.Contains(c.Audiences, ""), "an empty issuer or audience")
	check(c.MaxAge >= 0 && c.MaxLifetime >= 0, "negative age or lifetime")
	for _, d := range []time.Duration{c.Leeway, c.MaxAge, c.MaxLifetime} {
		check(d%time.Second == 0, "%s is no whole number of seconds, which dates are", d)
	}
	check(!c.AllowNonExpiring || c.MaxLifetime == 0, "tokens without end exceed every MaxLifetime")
	for _, name := range slices.Sorted(maps.Keys(c.Claims)) {
		_, err := json.Marshal(c.Claims[name])
		check(err == nil, "claim %s cannot be JSON: %v", name, err)
		check(!slices.Contains(registered, name), "claim %s has a field of its own", name)
	}
	return errors.Join(faults...)
}

// registered are the claims that this package understands.
var registered = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf"}

// Validator judges tokens by a Config.
type Validator struct {
	config Config
	claims map[string]json.RawMessage
	names  []string // of claims, sorted
}

var _ ticket.Changer = (*Validator)(nil)

// New makes a validator. Errors wrap ErrConfig.
func New(config Config) (*Validator, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("make JWT validator: %w", err)
	}
	v := &Validator{config: config, claims: map[string]json.RawMessage{}, names: slices.Sorted(maps.Keys(config.Claims))}
	v.config.Issuers, v.config.Audiences = slices.Clone(config.Issuers), slices.Clone(config.Audiences)
	for _, name := range v.names {
		v.claims[name], _ = json.Marshal(config.Claims[name])
	}
	return v, nil
}

// Class implements ticket.Validator.
func (v *Validator) Class() ticket.Class { return Class }

// Changes implements ticket.Changer.
func (v *Validator) Changes() []*runtime.Watch[uint64] {
	list := []*runtime.Watch[uint64]{&v.config.Keys.changes.watch}
	if v.config.Denied != nil {
		list = append(list, &v.config.Denied.changes.watch)
	}
	return list
}

// Error tells which check refused a token.
type Error struct {
	Check  string      // form, algorithm, signature, issuer, subject, peer, audience, not-before, issued-at, expiry, age, lifetime, claim, denied
	Reason wire.Reason // Expired, Revoked or NotAllowed
	Detail string
}

func (e *Error) Error() string {
	return fmt.Sprintf("JWT refused by %s: %s: %v", e.Check, e.Detail, e.Reason)
}

// Unwrap gives the reason.
func (e *Error) Unwrap() error { return e.Reason }

func refuse(check, format string, args ...any) error {
	return &Error{check, wire.NotAllowed, fmt.Sprintf(format, args...)}
}

// Validate implements ticket.Validator.
func (v *Validator) Validate(peer ident.PeerID, data []byte, now time.Time) (ticket.Expiration, error) {
	c, err := v.open(data)
	if err != nil {
		return ticket.Expiration{}, err
	}
	if err := v.bound(c, peer); err != nil {
		return ticket.Expiration{}, err
	}
	if err := v.meant(c); err != nil {
		return ticket.Expiration{}, err
	}
	if d := v.config.Denied; d != nil && c.id != "" && d.denies(c.id) {
		return ticket.Expiration{}, &Error{"denied", wire.Revoked, fmt.Sprintf("token %q is on the deny-list", c.id)}
	}
	return v.lasts(c, now)
}

// open checks form and signature.
func (v *Validator) open(data []byte) (c claims, err error) {
	if len(data) > ticket.MaxData {
		return c, refuse("form", "%d bytes, at most %d", len(data), ticket.MaxData)
	}
	parts := strings.Split(string(data), ".")
	if len(parts) != 3 {
		return c, refuse("form", "%d parts, want 3", len(parts))
	}
	var raw [3][]byte
	for i, p := range parts {
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil || strings.ContainsAny(p, "\r\n") {
			return c, refuse("form", "part %d is no base64url", i+1)
		}
	}
	header, err := object(raw[0])
	if err != nil {
		return c, refuse("form", "header: %v", err)
	}
	if _, ok := header["crit"]; ok {
		return c, refuse("form", "it demands extensions (crit)")
	}
	alg, err := text(header["alg"])
	if err != nil {
		return c, refuse("form", "alg: %v", err)
	}
	id := ""
	if kid, ok := header["kid"]; ok {
		if id, err = text(kid); err != nil {
			return c, refuse("form", "kid: %v", err)
		}
	}
	keys := v.config.Keys.candidates(alg, id)
	if len(keys) == 0 {
		return c, refuse("algorithm", "no key for algorithm %.20q", alg)
	}
	signed := string(data[:len(parts[0])+1+len(parts[1])])
	if !slices.ContainsFunc(keys, func(k Key) bool { return k.verify(signed, raw[2]) }) {
		return c, refuse("signature", "no key of %d made it", len(keys))
	}
	if c, err = parseClaims(raw[1]); err != nil {
		return c, refuse("form", "claims: %v", err)
	}
	return c, nil
}

// bound checks that the token is this peer's.
func (v *Validator) bound(c claims, peer ident.PeerID) error {
	id := peer.String()
	switch {
	case c.confirms && c.peer != id:
		return refuse("peer", "it was issued to another peer")
	case v.config.Subject != "" && c.subject != v.config.Subject:
		return refuse("subject", "it is about %.64q", c.subject)
	case !c.confirms && c.subject != id:
		return refuse("peer", "neither sub nor cnf.peer is the peer")
	}
	return nil
}

// meant checks who issued the token, for whom, and what else it says.
func (v *Validator) meant(c claims) error {
	if len(v.config.Issuers) > 0 && !slices.Contains(v.config.Issuers, c.issuer) {
		return refuse("issuer", "it was issued by %.64q", c.issuer)
	}
	meant := len(v.config.Audiences) == 0 && len(c.audience) == 0
	for _, a := range c.audience {
		meant = meant || slices.Contains(v.config.Audiences, a)
	}
	if !meant {
		return refuse("audience", "it is meant for others")
	}
	for _, name := range v.names {
		if got, ok := c.all[name]; !ok || !same(got, v.claims[name]) {
			return refuse("claim", "%s is not %s", name, v.claims[name])
		}
	}
	return nil
}

// lasts checks the dates and gives the end.
func (v *Validator) lasts(c claims, now time.Time) (ticket.Expiration, error) {
	late := now.Add(v.config.Leeway)
	_, dated := c.all["iat"]
	_, ends := c.all["exp"]
	switch {
	case c.notBefore.After(late):
		return ticket.Expiration{}, refuse("not-before", "it begins at %s", c.notBefore.Format(time.RFC3339))
	case dated && c.issuedAt.After(late):
		return ticket.Expiration{}, refuse("issued-at", "it was issued in the future, at %s", c.issuedAt.Format(time.RFC3339))
	case !dated && v.config.MaxAge > 0:
		return ticket.Expiration{}, refuse("age", "it does not say when it was issued")
	case !ends && !v.config.AllowNonExpiring:
		return ticket.Expiration{}, refuse("expiry", "it has none")
	case ends && v.config.MaxLifetime > 0 && c.expires.Sub(now) > v.config.MaxLifetime:
		return ticket.Expiration{}, refuse("lifetime", "it lasts until %s, more than %s", c.expires.Format(time.RFC3339), v.config.MaxLifetime)
	}
	end := ticket.Never
	if ends {
		end = ticket.At(c.expires.Add(v.config.Leeway))
	}
	check := "expiry"
	if v.config.MaxAge > 0 {
		if aged := ticket.At(c.issuedAt.Add(v.config.MaxAge).Add(v.config.Leeway)); end.After(aged) {
			end, check = aged, "age"
		}
	}
	if end.Passed(now) {
		return ticket.Expiration{}, &Error{check, wire.Expired, "it ended at " + end.String()}
	}
	return end, nil
}
