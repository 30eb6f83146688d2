package node_test

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/smalti/smalti/runtime/discovery"
	"github.com/smalti/smalti/runtime/event"
	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
	"github.com/smalti/smalti/runtime/wire"
)

// A P-256 key pair that a program has as constants: the scalar, and the point in
// compressed form.
const (
	es256Private = "d592c97b84bb23371071cec2563d8308948616c032deea0af4d241ccfb97edeb"
	es256Public  = "02859357e5469352460f33f9504f0dcd530e8930dd4b2e04cbbb053ee8d655e3f5"
)

// signer makes a key for HMAC of a seed.
func signer(x *trial, seed byte) jwt.SigningKey {
	x.Helper()
	secret := make([]byte, 32)
	for i := range secret {
		secret[i] = seed + byte(i)
	}
	return signing(x, jwt.HS256, secret)
}

func signing(x *trial, alg jwt.Algorithm, private []byte) jwt.SigningKey {
	x.Helper()
	k, err := jwt.NewSigningKey(alg, private)
	if err != nil {
		x.Fatal(err)
	}
	return k
}

// hexKey reads the constant key pair: what signs, and what is known of it to those
// who verify.
func hexKey(x *trial) (jwt.SigningKey, jwt.Key) {
	x.Helper()
	private, perr := hex.DecodeString(es256Private)
	public, err := hex.DecodeString(es256Public)
	if err = errors.Join(perr, err); err != nil {
		x.Fatal(err)
	}
	k, err := jwt.PublicKey(jwt.ES256, public)
	if err != nil {
		x.Fatal(err)
	}
	return signing(x, jwt.ES256, private), k
}

// judge accepts what a key issued in a name.
func judge(x *trial, k jwt.SigningKey, name string) ticket.Validator {
	x.Helper()
	return accepts(x, jwt.Config{Keys: jwt.NewKeySet(k.Verifying()), Issuers: []string{name}})
}

func accepts(x *trial, c jwt.Config) ticket.Validator {
	x.Helper()
	v, err := jwt.New(c)
	if err != nil {
		x.Fatal(err)
	}
	return v
}

// ofConsumers and ofProducers demand tickets of one side.
func ofConsumers(v ...ticket.Validator) *stream.Def[string] {
	return texts.With(stream.Producing[string](stream.ProducerConfig{Tickets: v}))
}

func ofProducers(v ...ticket.Validator) *stream.Def[string] {
	return texts.With(stream.Consuming[string](stream.ConsumerConfig{Tickets: v}))
}

// valid is a requirement that looks for a valid ticket by itself.
func valid(x *trial, v ticket.Validator) func(discovery.Peer) bool {
	return func(p discovery.Peer) bool {
		_, err := ticket.Check(p.Entry.Peer, p.Entry.Tickets, []ticket.Validator{v}, x.env().Clock.Now())
		return err == nil
	}
}

func producerByJWTTicket(x *trial) {
	k := signer(x, 1)
	ticketsOfConsumers(x, k, texts.With(stream.Producing[string](stream.ProducerConfig{Require: valid(x, judge(x, k, "issuer"))})))
}

func consumerByJWTTicket(x *trial) {
	k := signer(x, 1)
	ticketsOfProducers(x, k, texts.With(stream.Consuming[string](stream.ConsumerConfig{Require: valid(x, judge(x, k, "issuer"))})))
}

func jwtStreamProducer(x *trial) {
	k := signer(x, 1)
	ticketsOfConsumers(x, k, ofConsumers(judge(x, k, "issuer")))
}

func jwtStreamConsumer(x *trial) {
	k := signer(x, 1)
	ticketsOfProducers(x, k, ofProducers(judge(x, k, "issuer")))
}

func es256Tickets(x *trial) {
	k := signing(x, jwt.ES256, []byte("a scalar of exactly 32 bytes, ok"))
	ticketsOfConsumers(x, k, ofConsumers(judge(x, k, "issuer")))
}

func es256HexConstKey(x *trial) {
	private, public := hexKey(x)
	d := ofConsumers(accepts(x, jwt.Config{Keys: jwt.NewKeySet(public), Issuers: []string{"issuer"}}))
	ticketsOfConsumers(x, private, d)
}

// ticketsOfConsumers: of those whose ticket is good, is over, is forged, and is
// none, only the first is served.
func ticketsOfConsumers(x *trial, k jwt.SigningKey, d *stream.Def[string]) {
	x.Helper()
	n0 := x.node("n0")
	p := produce(x, n0, d)
	good := consume(x, x.node("good", holding(k, "issuer", time.Hour)), d)
	over := consume(x, x.node("over", holding(k, "issuer", -time.Second)), d)
	forged := consume(x, x.node("forged", holding(signer(x, 99), "issuer", time.Hour)), d)
	none := consume(x, x.node("none"), d)
	serves(x, p, 1)
	passes(x, p, good)
	x.within("three refusals", func() bool { return len(refused(x, n0)) == 3 })
	onlyFrom(x, good, n0)
	for _, c := range []*stream.Consumer[string]{over, forged, none} {
		if s := c.Status(); len(s.Subscriptions) != 0 {
			x.Errorf("subscribed: %+v", s)
		}
	}
}

// refused gives the peers that a node's producers refused for what they are.
func refused(x *trial, n *node.Node) map[ident.PeerID]bool {
	peers := map[ident.PeerID]bool{}
	for _, e := range x.log.told(n, event.SubRefused, wire.NotAllowed, wire.Expired) {
		peers[e.Peer] = true
	}
	return peers
}

// ticketsOfProducers: of those whose ticket is good, is over, is forged, and is
// none, only the first is subscribed to.
func ticketsOfProducers(x *trial, k jwt.SigningKey, d *stream.Def[string]) {
	x.Helper()
	good := x.node("good", holding(k, "issuer", time.Hour))
	p := produce(x, good, d)
	produce(x, x.node("over", holding(k, "issuer", -time.Second)), d)
	produce(x, x.node("forged", holding(signer(x, 99), "issuer", time.Hour)), d)
	produce(x, x.node("none"), d)
	c := consume(x, x.node("n4"), d)
	x.within("all to be known", func() bool { return len(c.Status().Pending) == 3 })
	onlyFrom(x, c, good)
	passes(x, p, c)
}

// es256DefinedStreamHexKey demands of consumers a ticket of the constant key, made
// for this network.
func es256DefinedStreamHexKey(x *trial) {
	private, public := hexKey(x)
	here := x.network().String()
	v := accepts(x, jwt.Config{Keys: jwt.NewKeySet(public), Issuers: []string{"issuer"}, Audiences: []string{here}})
	d := stream.Define("for this network", stream.Producing[string](stream.ProducerConfig{Tickets: []ticket.Validator{v}}))
	n0 := x.node("n0")
	p := produce(x, n0, d)
	holder := func(name, issuer string, audience ...string) *stream.Consumer[string] {
		t := jwt.Token{Issuer: issuer, Audience: audience}
		return consume(x, x.node(name, bearing(private, t, time.Hour)), d)
	}
	good := holder("good", "issuer", here)
	holder("elsewhere", "issuer", "elsewhere")
	holder("nowhere", "issuer")
	holder("another", "another", here)
	x.within("three refusals", func() bool { return len(refused(x, n0)) == 3 })
	serves(x, p, 1)
	passes(x, p, good)
	onlyFrom(x, good, n0)
}

// issuers are two, of whom a peer needs a ticket each.
type issuers struct {
	validators    []ticket.Validator
	first, second option
}

func twoIssuers(x *trial) issuers {
	x.Helper()
	one, two := signer(x, 1), signer(x, 50)
	return issuers{
		validators: []ticket.Validator{judge(x, one, "one"), judge(x, two, "two")},
		first:      holding(one, "one", time.Hour), second: holding(two, "two", time.Hour),
	}
}

func producerMultipleValidators(x *trial) {
	i := twoIssuers(x)
	d := ofConsumers(i.validators...)
	n0 := x.node("n0")
	p := produce(x, n0, d)
	both := consume(x, x.node("both", i.first, i.second), d)
	one, two := consume(x, x.node("first", i.first), d), consume(x, x.node("second", i.second), d)
	x.within("two refusals", func() bool { return len(refused(x, n0)) == 2 })
	onlyFrom(x, both, n0)
	serves(x, p, 1)
	passes(x, p, both)
	for _, c := range []*stream.Consumer[string]{one, two} {
		if s := c.Status(); len(s.Subscriptions) != 0 || len(s.Pending) != 1 || s.Pending[0].Reason != wire.NotAllowed {
			x.Errorf("with one ticket of two: %+v", s)
		}
	}
}

func consumerMultipleValidators(x *trial) {
	i := twoIssuers(x)
	d := ofProducers(i.validators...)
	n0 := x.node("n0", i.first, i.second)
	p := produce(x, n0, d)
	produce(x, x.node("first", i.first), d)
	produce(x, x.node("second", i.second), d)
	c := consume(x, x.node("n3"), d)
	x.within("all to be known", func() bool { return len(c.Status().Pending) == 2 })
	onlyFrom(x, c, n0)
	passes(x, p, c)
	for _, s := range c.Status().Pending {
		if s.Reason != wire.NotAllowed || s.Tries != 0 {
			x.Errorf("with one ticket of two: %+v", s)
		}
	}
}

// expires sees a subscription end with the ticket that it rests on.
func expires(x *trial, p *stream.Producer[string], c *stream.Consumer[string]) {
	x.Helper()
	serves(x, p, 1)
	passes(x, p, c)
	end := p.Status().Subscriptions[0].Expires
	if end.IsZero() {
		end = c.Status().Subscriptions[0].Expires
	}
	ended := func() bool { return len(p.Status().Subscriptions)+len(c.Status().Subscriptions) == 0 }
	x.within("the end of the ticket", func() bool { return ended() || x.env().Clock.Now().After(end) })
	if x.env().Clock.Now().Before(end) {
		x.Error("ended before the ticket did")
	}
	x.soon("the end", ended)
	x.sleep(time.Second)
	if len(p.Status().Subscriptions)+len(c.Status().Subscriptions) != 0 {
		x.Error("subscribed after the end of the ticket")
	}
	if s := c.Status().Pending; len(s) != 1 || s[0].Reason != wire.Expired {
		x.Errorf("pending: %+v", s)
	}
}

func producerTicketExpiry(x *trial) {
	k := signer(x, 1)
	d := ofConsumers(judge(x, k, "issuer"))
	p := produce(x, x.node("n0"), d)
	expires(x, p, consume(x, x.node("n1", holding(k, "issuer", 3*time.Second)), d))
}

func consumerTicketExpiry(x *trial) {
	k := signer(x, 1)
	d := ofProducers(judge(x, k, "issuer"))
	n0 := x.node("n0")
	p := produce(x, x.node("n1", holding(k, "issuer", 3*time.Second)), d)
	expires(x, p, consume(x, n0, d))
}
