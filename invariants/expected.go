package invariants

// expected is a pair of Options.Expect on its way through a run.
type expected struct {
	Pair
	up    bool
	since int64 // At of the last change
	why   string
}

// expectations gives a fresh record of each pair, and finds them by host.
func expectations(pairs []Pair) (list []*expected, byHost map[string][]*expected) {
	byHost = map[string][]*expected{}
	for _, p := range pairs {
		x := &expected{Pair: p, why: "never subscribed"}
		list = append(list, x)
		byHost[p.Consumer] = append(byHost[p.Consumer], x)
		if p.Producer != p.Consumer {
			byHost[p.Producer] = append(byHost[p.Producer], x)
		}
	}
	return list, byHost
}

// living gives the present life of the host called name, nil if it is down.
func (b *book) living(name string) *life {
	h := b.hosts[name]
	if h == nil || h.life == nil || h.life.over {
		return nil
	}
	return h.life
}

// connected tells whether both ends say that the pair is subscribed, or why
// not.
func (b *book) connected(p Pair) (up bool, why string) {
	consumer, producer := b.living(p.Consumer), b.living(p.Producer)
	switch {
	case consumer == nil:
		return false, p.Consumer + " is down"
	case producer == nil:
		return false, p.Producer + " is down"
	}
	why = p.Consumer + " is not subscribed"
	for _, v := range consumer.receivers {
		if !v.up || v.key.stream != p.Stream || v.key.peer != producer.node {
			continue
		}
		at := b.producers[producerKey{v.key.peer, v.key.stream, v.incarnation}]
		switch {
		case at == nil || at.life != producer || at.closed:
			why = p.Consumer + " is subscribed to a producer that is over"
		case at.readerOf(consumer.node).active == 0:
			why = p.Producer + " has ended the subscription and " + p.Consumer + " does not know"
		default:
			return true, ""
		}
	}
	return false, why
}
