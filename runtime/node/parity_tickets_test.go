package node_test

import (
	"time"

	"github.com/smalti/smalti/runtime/node"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/ticket"
	"github.com/smalti/smalti/runtime/ticket/jwt"
)

// signer makes a key of a seed.
func signer(x *trial, alg jwt.Algorithm, seed byte) jwt.SigningKey {
	x.Helper()
	private := make([]byte, 32)
	for i := range private {
		private[i] = seed + byte(i)
	}
	k, err := jwt.NewSigningKey(alg, private)
	if err != nil {
		x.Fatal(err)
	}
	return k
}

// judge accepts what a key issued in a name.
func judge(x *trial, k jwt.SigningKey, name string) ticket.Validator {
	x.Helper()
	v, err := jwt.New(jwt.Config{Keys: jwt.NewKeySet(k.Verifying()), Issuers: []string{name}})
	if err != nil {
		x.Fatal(err)
	}
	return v
}

// guarded is a stream whose one side demands tickets of the other, or each of the
// other.
func guarded(producer, consumer []ticket.Validator) *stream.Def[string] {
	return texts.With(
		stream.Producing[string](stream.ProducerConfig{Tickets: producer}),
		stream.Consuming[string](stream.ConsumerConfig{Tickets: consumer}))
}

func producerByJWTTicket(x *trial) { ticketsOfConsumers(x, signer(x, jwt.HS256, 1)) }
func es256Tickets(x *trial)        { ticketsOfConsumers(x, signer(x, jwt.ES256, 1)) }

// ticketsOfConsumers: of those whose ticket is good, is over, and is none, only the
// first is served.
func ticketsOfConsumers(x *trial, k jwt.SigningKey) {
	d := guarded([]ticket.Validator{judge(x, k, "issuer")}, nil)
	n0 := x.node("n0")
	p := produce(x, n0, d)
	good := consume(x, x.node("good", holding(k, "issuer", time.Hour)), d)
	over := consume(x, x.node("over", holding(k, "issuer", -time.Second)), d)
	none := consume(x, x.node("none"), d)
	serves(x, p, 1)
	send(x, p, "hello")
	if recv(x, good) != "hello" {
		x.Error("another datum")
	}
	onlyFrom(x, good, n0)
	onlyFrom(x, over)
	onlyFrom(x, none)
}

func consumerByJWTTicket(x *trial) {
	k := signer(x, jwt.HS256, 1)
	d := guarded(nil, []ticket.Validator{judge(x, k, "issuer")})
	good := x.node("good", holding(k, "issuer", time.Hour))
	p := produce(x, good, d)
	produce(x, x.node("over", holding(k, "issuer", -time.Second)), d)
	produce(x, x.node("none"), d)
	c := consume(x, x.node("n3"), d)
	x.settle()
	onlyFrom(x, c, good)
	send(x, p, "hello")
	if recv(x, c) != "hello" {
		x.Error("another datum")
	}
}

// expires sees a subscription end with the ticket that it rests on.
func expires(x *trial, p *stream.Producer[string], c *stream.Consumer[string]) {
	serves(x, p, 1)
	send(x, p, "hello")
	if recv(x, c) != "hello" {
		x.Error("another datum")
	}
	x.sleep(5 * time.Second)
	if len(p.Status().Subscriptions) != 0 || len(c.Status().Subscriptions) != 0 {
		x.Error("subscribed after the end of the ticket")
	}
}

func producerTicketExpiry(x *trial) {
	k := signer(x, jwt.HS256, 1)
	d := guarded([]ticket.Validator{judge(x, k, "issuer")}, nil)
	p := produce(x, x.node("n0"), d)
	expires(x, p, consume(x, x.node("n1", holding(k, "issuer", 3*time.Second)), d))
}

func consumerTicketExpiry(x *trial) {
	k := signer(x, jwt.HS256, 1)
	d := guarded(nil, []ticket.Validator{judge(x, k, "issuer")})
	n0 := x.node("n0")
	p := produce(x, x.node("n1", holding(k, "issuer", 3*time.Second)), d)
	expires(x, p, consume(x, n0, d))
}

func declareRequireTicket(x *trial) {
	k := signer(x, jwt.HS256, 1)
	v := []ticket.Validator{judge(x, k, "issuer")}
	d := guarded(v, v)
	good := x.node("good", holding(k, "issuer", time.Hour))
	p := produce(x, good, d)
	produce(x, x.node("over", holding(k, "issuer", -time.Second)), d)
	served := consume(x, x.node("also", holding(k, "issuer", time.Hour)), d)
	refused := consume(x, x.node("none"), d)
	x.settle()
	serves(x, p, 1)
	onlyFrom(x, served, good)
	onlyFrom(x, refused)
}

func declareMultipleRequireTicket(x *trial) {
	one, two := signer(x, jwt.HS256, 1), signer(x, jwt.HS256, 50)
	v := []ticket.Validator{judge(x, one, "one"), judge(x, two, "two")}
	d := guarded(v, v)
	full := []option{holding(one, "one", time.Hour), holding(two, "two", time.Hour)}
	n0 := x.node("n0", full...)
	p := produce(x, n0, d)
	produce(x, x.node("half", full[0]), d)
	both := consume(x, x.node("both", full...), d)
	var partial []*stream.Consumer[string]
	for name, o := range map[string]option{"first": full[0], "second": full[1]} {
		partial = append(partial, consume(x, x.node(name, o), d))
	}
	x.settle()
	serves(x, p, 1)
	onlyFrom(x, both, []*node.Node{n0}...)
	for _, c := range partial {
		onlyFrom(x, c)
	}
	send(x, p, "hello")
	if recv(x, both) != "hello" {
		x.Error("another datum")
	}
}
