package jwt

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/wire"
)

var (
	now    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	holder = ident.KeyFromSeed([32]byte{3}).PeerID()
	thief  = ident.KeyFromSeed([32]byte{4}).PeerID()
)

// sizes are the bytes of private keys.
var sizes = map[Algorithm]int{HS256: 32, HS384: 48, HS512: 64, ES256: 32, ES384: 48, ES512: 66, EdDSA: 32}

func key(t testing.TB, alg Algorithm, seed byte) SigningKey {
	t.Helper()
	private := make([]byte, sizes[alg])
	for i := range private {
		private[i] = seed + byte(i)
	}
	if alg == ES512 {
		private[0] = 0
	}
	k, err := NewSigningKey(alg, private)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func validator(t testing.TB, c Config) *Validator {
	t.Helper()
	v, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func issue(t testing.TB, k SigningKey, token Token) ticket.Ticket {
	t.Helper()
	x, err := k.Issue(holder, token)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// raw signs claims as they are.
func raw(t testing.TB, k SigningKey, header, claims string) []byte {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	sig, err := k.sign(text)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(text + "." + base64.RawURLEncoding.EncodeToString(sig))
}

// check wants a refusal by a check with a reason, or acceptance until end.
func check(t *testing.T, what string, v *Validator, peer ident.PeerID, data []byte, at time.Time, by string, reason error, end time.Time) {
	t.Helper()
	got, err := v.Validate(peer, data, at)
	if by == "" {
		if err != nil || got != ticket.At(end) {
			t.Errorf("%s: got %s, %v; want %s", what, got, err, end)
		}
		return
	}
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Check != by || !errors.Is(err, reason) {
		t.Errorf("%s: got %s, %v; want a refusal by %s for %v", what, got, err, by, reason)
	}
}

func TestEveryAlgorithmVerifiesWhatItSignedAndNothingElse(t *testing.T) {
	for alg := range sizes {
		k, other := key(t, alg, 1), key(t, alg, 9)
		token := issue(t, k, Token{Expires: now.Add(time.Hour)})
		if again := issue(t, k, Token{Expires: now.Add(time.Hour)}); string(again.Data) != string(token.Data) {
			t.Errorf("%s does not sign deterministically", alg)
		}
		v := validator(t, Config{Keys: NewKeySet(k.Verifying())})
		check(t, string(alg), v, holder, token.Data, now, "", nil, now.Add(time.Hour))
		check(t, string(alg)+" by another key", validator(t, Config{Keys: NewKeySet(other.Verifying())}), holder, token.Data, now, "signature", wire.NotAllowed, now)
		check(t, string(alg)+" of another peer", v, thief, token.Data, now, "peer", wire.NotAllowed, now)
		for i := range token.Data {
			changed := append([]byte(nil), token.Data...)
			changed[i] ^= 1
			if end, err := v.Validate(holder, changed, now); err == nil {
				t.Fatalf("%s: accepted with byte %d changed, until %s", alg, i, end)
			}
		}
		for wrong := range sizes {
			if wrong != alg {
				check(t, fmt.Sprintf("%s for a key of %s", alg, wrong), validator(t, Config{Keys: NewKeySet(key(t, wrong, 1).Verifying())}), holder, token.Data, now, "algorithm", wire.NotAllowed, now)
			}
		}
	}
}

func TestPublicKeysAreReadFromTheirBytes(t *testing.T) {
	public, err := hex.DecodeString("0260fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6") // of the scalar C9AFA9D8...
	if err != nil {
		t.Fatal(err)
	}
	scalar, _ := hex.DecodeString("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
	sample, err := NewSigningKey(ES256, scalar)
	if err != nil {
		t.Fatal(err)
	}
	// RFC 6979, A.2.5: P-256, SHA-256, message "sample".
	sig, err := sample.sign("sample")
	if want := "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"; err != nil || hex.EncodeToString(sig) != want {
		t.Errorf("got %x, %v; want %s", sig, err, want)
	}
	for _, prefix := range []byte{2, 3} { // one of the two is the key's
		public[0] = prefix
		p, err := PublicKey(ES256, public)
		if err != nil {
			t.Fatal(err)
		}
		if p.verify("sample", sig) != (prefix == 3) {
			t.Errorf("compressed key with prefix %d: verifies %t", prefix, prefix != 3)
		}
	}
	// RFC 8037, A.4.
	ed, _ := base64.RawURLEncoding.DecodeString("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
	p, err := PublicKey(EdDSA, ed)
	if err != nil {
		t.Fatal(err)
	}
	edSig, _ := base64.RawURLEncoding.DecodeString("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
	if !p.verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", edSig) {
		t.Error("the example of RFC 8037 does not verify")
	}
	for what, c := range map[string]struct {
		alg   Algorithm
		bytes []byte
		sign  bool
	}{
		"none": {"none", nil, true}, "short secret": {HS256, make([]byte, 31), true}, "short secret of 384": {HS384, make([]byte, 47), true},
		"scalar of 0": {ES256, make([]byte, 32), true}, "short scalar": {ES256, make([]byte, 31), true}, "short seed": {EdDSA, make([]byte, 31), true},
		"HMAC public": {HS256, make([]byte, 32), false}, "no point": {ES256, append([]byte{2}, bytes.Repeat([]byte{255}, 32)...), false},
		"infinity": {ES256, make([]byte, 33), false}, "another curve": {ES384, public, false}, "short public": {EdDSA, ed[:31], false}, "unknown": {"RS256", public, false},
	} {
		var err error
		if c.sign {
			_, err = NewSigningKey(c.alg, c.bytes)
		} else {
			_, err = PublicKey(c.alg, c.bytes)
		}
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: got %v, want %v", what, err, ErrKey)
		}
	}
}

func TestNoneAndConfusedKeysAreRefused(t *testing.T) {
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d}`, holder, now.Add(time.Hour).Unix())
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	es := key(t, ES256, 1)
	v := validator(t, Config{Keys: NewKeySet(es.Verifying())})
	for _, alg := range []string{"none", "None", "NONE", ""} {
		token := part(fmt.Sprintf(`{"alg":%q}`, alg)) + "." + part(claims) + "."
		check(t, "unsigned "+alg, v, holder, []byte(token), now, "algorithm", wire.NotAllowed, now)
	}
	// The public key is known to everybody: it must not serve as a secret.
	public, err := hex.DecodeString("0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
	if err != nil {
		t.Fatal(err)
	}
	p, err := PublicKey(ES256, public)
	if err != nil {
		t.Fatal(err)
	}
	forger, err := NewSigningKey(HS256, public)
	if err != nil {
		t.Fatal(err)
	}
	forged := raw(t, forger, `{"alg":"HS256"}`, claims)
	check(t, "public key as secret", validator(t, Config{Keys: NewKeySet(p)}), holder, forged, now, "algorithm", wire.NotAllowed, now)
	relabelled := raw(t, forger, `{"alg":"ES256"}`, claims)
	check(t, "relabelled", validator(t, Config{Keys: NewKeySet(p)}), holder, relabelled, now, "signature", wire.NotAllowed, now)
}

func TestFormIsStrict(t *testing.T) {
	k := key(t, HS256, 1)
	v := validator(t, Config{Keys: NewKeySet(k.Verifying())})
	id, exp := holder.String(), now.Add(time.Hour).Unix()
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d}`, id, exp)
	good := string(raw(t, k, `{"alg":"HS256"}`, claims))
	check(t, "good", v, holder, []byte(good), now, "", nil, now.Add(time.Hour))
	for what, data := range map[string][]byte{
		"two parts": []byte(good[:strings.LastIndex(good, ".")]), "four parts": []byte(good + ".a"), "padding": []byte(good + "="), "line break": []byte(good + "\n"),
		"empty": nil, "too long": []byte(strings.Repeat("a", ticket.MaxData+1)),
		"crit":      raw(t, k, `{"alg":"HS256","crit":["b64"]}`, claims),
		"alg twice": raw(t, k, `{"alg":"none","alg":"HS256"}`, claims), "alg a number": raw(t, k, `{"alg":5}`, claims), "kid a number": raw(t, k, `{"alg":"HS256","kid":5}`, claims),
		"role twice within": raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"of":[{"role":1},{"a":{"role":1,"role":2}}]}`, id, exp)),
		"header a list":     raw(t, k, `[]`, claims), "sub twice": raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":"x","sub":%q,"exp":%d}`, id, exp)),
		"something after":   raw(t, k, `{"alg":"HS256"}`, claims+"{}"),
		"sub a list":        raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":[%q],"exp":%d}`, id, exp)),
		"aud a number":      raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"aud":5}`, id, exp)),
		"aud of numbers":    raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"aud":[5]}`, id, exp)),
		"cnf a string":      raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"cnf":"x"}`, id, exp)),
		"cnf.peer a number": raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"cnf":{"peer":1}}`, id, exp)),
	} {
		check(t, what, v, holder, data, now, "form", wire.NotAllowed, now)
	}
	for _, date := range []string{"1.0", "1e3", "-1", `"1893459600"`, "null", "253402300800", "99999999999999999999", "true", "[1]", "+1"} {
		for _, name := range []string{"exp", "nbf", "iat"} {
			data := raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,%q:%s}`, id, name, date))
			check(t, name+" of "+date, v, holder, data, now, "form", wire.NotAllowed, now)
		}
	}
	far := raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":253402300799}`, id))
	check(t, "the last date", v, holder, far, now, "", nil, time.Unix(253402300799, 0))
	zero := raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":0}`, id))
	check(t, "the first date", v, holder, zero, now, "expiry", wire.Expired, now)
}

func TestTokensAreBoundToTheirPeer(t *testing.T) {
	k := key(t, EdDSA, 1)
	v := validator(t, Config{Keys: NewKeySet(k.Verifying())})
	fixed := validator(t, Config{Keys: NewKeySet(k.Verifying()), Subject: "service"})
	end := now.Add(time.Hour)
	confirmed := issue(t, k, Token{Subject: "service", Expires: end})
	plain := issue(t, k, Token{Expires: end})
	check(t, "confirmed", v, holder, confirmed.Data, now, "", nil, end)
	check(t, "confirmed, fixed", fixed, holder, confirmed.Data, now, "", nil, end)
	check(t, "confirmed, stolen", fixed, thief, confirmed.Data, now, "peer", wire.NotAllowed, now)
	check(t, "plain, fixed", fixed, holder, plain.Data, now, "subject", wire.NotAllowed, now)
	bearer := raw(t, k, `{"alg":"EdDSA"}`, fmt.Sprintf(`{"sub":"service","exp":%d}`, end.Unix()))
	check(t, "of no peer", v, holder, bearer, now, "peer", wire.NotAllowed, now)
	check(t, "of no peer, fixed", fixed, holder, bearer, now, "peer", wire.NotAllowed, now)
	both := raw(t, k, `{"alg":"EdDSA"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"cnf":{"peer":%q}}`, holder, end.Unix(), thief))
	check(t, "bound to two", v, holder, both, now, "peer", wire.NotAllowed, now)
	upper := raw(t, k, `{"alg":"EdDSA"}`, fmt.Sprintf(`{"sub":%q,"exp":%d}`, strings.ToUpper(holder.String()), end.Unix()))
	check(t, "in upper case", v, holder, upper, now, "peer", wire.NotAllowed, now)
}

func TestDatesDecideToTheNanosecond(t *testing.T) {
	k := key(t, HS256, 1)
	keys := NewKeySet(k.Verifying())
	token := issue(t, k, Token{IssuedAt: now, NotBefore: now.Add(10 * time.Second), Expires: now.Add(100 * time.Second)})
	eternal := issue(t, k, Token{IssuedAt: now})
	undated := issue(t, k, Token{Expires: now.Add(100 * time.Second)})
	at := func(d time.Duration) time.Time { return now.Add(d) }
	const s = time.Second
	for _, c := range []struct {
		what   string
		config Config
		token  ticket.Ticket
		at     time.Time
		by     string
		reason error
		end    time.Time
	}{
		{"before its begin", Config{}, token, at(10*s - 1), "not-before", wire.NotAllowed, now},
		{"at its begin", Config{}, token, at(10 * s), "", nil, at(100 * s)},
		{"before its end", Config{}, token, at(100*s - 1), "", nil, at(100 * s)},
		{"at its end", Config{}, token, at(100 * s), "expiry", wire.Expired, now},
		{"before its begin, with leeway", Config{Leeway: s}, token, at(9 * s), "", nil, at(101 * s)},
		{"before the leeway", Config{Leeway: s}, token, at(9*s - 1), "not-before", wire.NotAllowed, now},
		{"after its end, with leeway", Config{Leeway: s}, token, at(101*s - 1), "", nil, at(101 * s)},
		{"after the leeway", Config{Leeway: s}, token, at(101 * s), "expiry", wire.Expired, now},
		{"issued in the future", Config{}, eternal, at(-1), "issued-at", wire.NotAllowed, now},
		{"issued in the future, with leeway", Config{AllowNonExpiring: true, Leeway: s}, eternal, at(-s), "", nil, time.Time{}},
		{"without end", Config{}, eternal, now, "expiry", wire.NotAllowed, now},
		{"without end, allowed", Config{AllowNonExpiring: true}, eternal, at(1000 * time.Hour), "", nil, time.Time{}},
		{"young", Config{MaxAge: 50 * s}, token, at(20 * s), "", nil, at(50 * s)},
		{"old", Config{MaxAge: 50 * s}, token, at(50 * s), "age", wire.Expired, now},
		{"old, with leeway", Config{MaxAge: 50 * s, Leeway: s}, token, at(51*s - 1), "", nil, at(51 * s)},
		{"age beyond the end", Config{MaxAge: 500 * s}, token, at(20 * s), "", nil, at(100 * s)},
		{"without end but for its age", Config{MaxAge: 50 * s, AllowNonExpiring: true}, eternal, now, "", nil, at(50 * s)},
		{"of unknown age", Config{MaxAge: 50 * s}, undated, now, "age", wire.NotAllowed, now},
		{"lifetime", Config{MaxLifetime: 90 * s}, token, at(10 * s), "", nil, at(100 * s)},
		{"too long a lifetime", Config{MaxLifetime: 80 * s}, token, at(20*s - 1), "lifetime", wire.NotAllowed, now},
	} {
		c.config.Keys = keys
		check(t, c.what, validator(t, c.config), holder, c.token.Data, c.at, c.by, c.reason, c.end)
	}
}

func TestIssuerAudienceAndClaimsMustFit(t *testing.T) {
	k := key(t, HS256, 1)
	keys := NewKeySet(k.Verifying())
	end := now.Add(time.Hour)
	token := Token{Issuer: "i2", Audience: []string{"a1", "a2"}, Expires: end, Claims: map[string]any{"role": "admin", "level": 7, "list": []int{1, 2}}}
	one := raw(t, k, `{"alg":"HS256"}`, fmt.Sprintf(`{"sub":%q,"exp":%d,"aud":"a2","level":7.0}`, holder, end.Unix()))
	full := issue(t, k, token).Data
	bare := issue(t, k, Token{Expires: end}).Data
	for _, c := range []struct {
		what   string
		config Config
		data   []byte
		by     string
	}{
		{"one of the issuers", Config{Issuers: []string{"i1", "i2"}, Audiences: []string{"a2", "a3"}}, full, ""},
		{"no issuer of ours", Config{Issuers: []string{"i1"}, Audiences: []string{"a2"}}, full, "issuer"},
		{"no issuer", Config{Issuers: []string{"i1"}}, bare, "issuer"},
		{"audience as a string", Config{Audiences: []string{"a2"}}, one, ""},
		{"no audience of ours", Config{Audiences: []string{"a3"}}, full, "audience"},
		{"no audience", Config{Audiences: []string{"a3"}}, bare, "audience"},
		{"an audience that is not us", Config{}, full, "audience"},
		{"claims", Config{Audiences: []string{"a1"}, Claims: map[string]any{"role": "admin", "level": 7, "list": []int{1, 2}}}, full, ""},
		{"a claim of another value", Config{Audiences: []string{"a1"}, Claims: map[string]any{"role": "user"}}, full, "claim"},
		{"a claim of another type", Config{Audiences: []string{"a1"}, Claims: map[string]any{"level": "7"}}, full, "claim"},
		{"a claim in another form", Config{Audiences: []string{"a2"}, Claims: map[string]any{"level": 7}}, one, "claim"},
		{"no such claim", Config{Claims: map[string]any{"role": "admin"}}, bare, "claim"},
	} {
		c.config.Keys = keys
		check(t, c.what, validator(t, c.config), holder, c.data, now, c.by, wire.NotAllowed, end)
	}
}

func TestKeysRotateAndTokensAreWithdrawn(t *testing.T) {
	old, fresh := key(t, HS256, 1).WithID("old"), key(t, HS256, 50).WithID("fresh")
	nameless := key(t, HS256, 90)
	keys, deny := NewKeySet(old.Verifying()), &DenyList{}
	v := validator(t, Config{Keys: keys, Denied: deny})
	end := now.Add(time.Hour)
	token := func(k SigningKey) []byte { return issue(t, k, Token{ID: "t1", Expires: end}).Data }
	check(t, "old", v, holder, token(old), now, "", nil, end)
	check(t, "fresh, unknown", v, holder, token(fresh), now, "algorithm", wire.NotAllowed, now)
	var loads []uint64
	for _, w := range v.Changes() {
		loads = append(loads, w.Get())
	}
	if err := keys.Replace(old.Verifying(), fresh.Verifying()); err != nil {
		t.Fatal(err)
	}
	check(t, "old beside fresh", v, holder, token(old), now, "", nil, end)
	check(t, "fresh", v, holder, token(fresh), now, "", nil, end)
	check(t, "named after another key", v, holder, token(old.WithID("fresh")), now, "signature", wire.NotAllowed, now)
	check(t, "without a name", v, holder, token(old.WithID("")), now, "", nil, end)
	if err := keys.Replace(fresh.Verifying(), nameless.Verifying()); err != nil {
		t.Fatal(err)
	}
	check(t, "old, gone", v, holder, token(old), now, "signature", wire.NotAllowed, now)
	check(t, "of a name that no key has", v, holder, token(nameless.WithID("other")), now, "", nil, end)
	if err := deny.Replace("t0", "t1"); err != nil {
		t.Fatal(err)
	}
	check(t, "withdrawn", v, holder, token(fresh), now, "denied", wire.Revoked, now)
	for i, w := range v.Changes() {
		if w.Get() == loads[i] {
			t.Errorf("change %d was not told", i)
		}
	}
	if err := deny.Replace(make([]string, MaxDenied+1)...); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many ids: %v", err)
	}
	if err := keys.Replace(make([]Key, MaxKeys+1)...); !errors.Is(err, ErrTooMany) {
		t.Errorf("too many keys: %v", err)
	}
	if err := keys.Replace(Key{}); !errors.Is(err, ErrKey) {
		t.Errorf("the zero key: %v", err)
	}
	check(t, "still withdrawn", v, holder, token(fresh), now, "denied", wire.Revoked, now)
}

func TestWhatCannotWorkIsRefusedAtOnce(t *testing.T) {
	keys := NewKeySet()
	for what, c := range map[string]Config{
		"no keys": {}, "leeway": {Keys: keys, Leeway: time.Minute + 1}, "negative leeway": {Keys: keys, Leeway: -1}, "age": {Keys: keys, MaxAge: -1}, "issuer": {Keys: keys, Issuers: []string{""}},
		"part of a second of leeway": {Keys: keys, Leeway: time.Second / 2}, "part of a second of age": {Keys: keys, MaxAge: time.Second + 1}, "part of a second of life": {Keys: keys, MaxLifetime: time.Second / 2},
		"lifetime of the eternal": {Keys: keys, MaxLifetime: time.Second, AllowNonExpiring: true}, "registered": {Keys: keys, Claims: map[string]any{"exp": 1}},
		"no JSON": {Keys: keys, Claims: map[string]any{"f": func() {}}},
	} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	k := key(t, HS256, 1)
	for what, token := range map[string]Token{
		"ends before it begins": {NotBefore: now, Expires: now.Add(-time.Second)}, "ends where it begins": {NotBefore: now, Expires: now}, "ends before it is issued": {IssuedAt: now, Expires: now.Add(-time.Second)},
		"year 10000": {Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "before 1970": {Expires: time.Unix(-1, 0)},
		"registered": {Claims: map[string]any{"sub": "x"}}, "no JSON": {Claims: map[string]any{"f": func() {}}}, "too long": {ID: strings.Repeat("x", ticket.MaxData)},
	} {
		if _, err := k.Issue(holder, token); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if _, err := k.Issue(ident.PeerID{}, Token{}); !errors.Is(err, ErrToken) {
		t.Errorf("no peer: %v", err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, k); strings.Contains(text, "private") || strings.Contains(text, "2, 3, 4") || strings.Contains(text, "2 3 4") {
			t.Errorf("%s of a key shows it: %s", format, text)
		}
	}
	if _, err := (SigningKey{}).Issue(holder, Token{}); !errors.Is(err, ErrKey) {
		t.Errorf("the zero key: %v", err)
	}
}

func FuzzValidate(f *testing.F) {
	k := key(f, HS256, 1)
	v := validator(f, Config{Keys: NewKeySet(k.Verifying())})
	good := issue(f, k, Token{IssuedAt: now, Expires: now.Add(time.Hour)}).Data
	f.Add(good, []byte(`{"alg":"HS256"}`), []byte(`{"sub":"x"}`))
	f.Add([]byte("a.b.c"), []byte(`{}`), []byte(`{"exp":1,"exp":2}`))
	f.Fuzz(func(t *testing.T, data, header, claims []byte) {
		// Nobody but the key's owner makes a token that is accepted.
		if _, err := v.Validate(holder, data, now); err == nil && string(data) != string(good) {
			t.Fatalf("accepted %q", data)
		}
		// Whatever is signed: no panic, and every refusal has a reason.
		signed := raw(t, k, string(header), string(claims))
		end, err := v.Validate(holder, signed, now)
		var refusal *Error
		if err != nil && !errors.As(err, &refusal) {
			t.Fatalf("%v has no reason", err)
		}
		if err == nil {
			var c struct {
				Sub string      `json:"sub"`
				Exp json.Number `json:"exp"`
			}
			if json.Unmarshal(claims, &c) != nil || end.Passed(now) {
				t.Fatalf("accepted %s until %s", claims, end)
			}
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	for _, alg := range []Algorithm{HS256, ES256, ES384, ES512, EdDSA} {
		b.Run(string(alg), func(b *testing.B) {
			k := key(b, alg, 1)
			v := validator(b, Config{Keys: NewKeySet(k.Verifying())})
			data := issue(b, k, Token{Expires: now.Add(time.Hour)}).Data
			for b.Loop() {
				if _, err := v.Validate(holder, data, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleSigningKey_Issue() {
	secret := []byte("32 bytes that nobody else knows!")
	issuer, err := NewSigningKey(HS256, secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC) // the issuer's clock
	token, err := issuer.Issue(holder, Token{Issuer: "example", IssuedAt: now, Expires: now.Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	judge, err := New(Config{Keys: NewKeySet(issuer.Verifying()), Issuers: []string{"example"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	end, err := judge.Validate(holder, token.Data, now.Add(time.Minute))
	fmt.Println(end, err)
	_, err = judge.Validate(holder, token.Data, now.Add(time.Hour))
	fmt.Println(err)
	// Output:
	// 2030-01-01T13:00:00Z <nil>
	// JWT refused by expiry: it ended at 2030-01-01T13:00:00Z: expired
}

// A network that allows larger tickets (discovery.Limits) issues and takes them.
func TestTokenMayBeAsLargeAsATicket(t *testing.T) {
	k := key(t, HS256, 1)
	for size := 6000; size > 0; size -= 100 {
		issued, err := k.Issue(holder, Token{ID: strings.Repeat("x", size), Expires: now.Add(time.Hour)})
		if errors.Is(err, ErrToken) {
			continue
		}
		if err != nil || len(issued.Data) < ticket.MaxData-200 {
			t.Fatalf("%d bytes, %v, want nearly %d", len(issued.Data), err, ticket.MaxData)
		}
		check(t, "large", validator(t, Config{Keys: NewKeySet(k.Verifying())}), holder, issued.Data, now, "", nil, now.Add(time.Hour))
		return
	}
	t.Error("no token was issued")
}
