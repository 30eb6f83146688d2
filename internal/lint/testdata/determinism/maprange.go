package determinism

import (
	"maps"
	"slices"
)

type entry struct {
	version, size int
	name          string
	inbox         chan int
}

type catalog struct {
	entries map[string]entry
	floor   int
	count   int
	seen    uint64
	byRank  map[int]int
	other   map[string]int
	names   []string
}

func (c *catalog) use(string) int { return 0 }

func (c *catalog) orderless() int {
	n := 0
	for range c.entries {
		n++
		c.use("each turn is the same")
	}
	for k := range c.entries {
		delete(c.entries, k)
		delete(c.other, k)
	}
	for k, e := range c.entries {
		if size := e.size; size < c.floor && len(e.name) > 0 {
			delete(c.entries, k)
			continue
		} else if e.version == 0 {
			c.other[k] = e.version + int(c.seen)
		}
		c.count++
		n += e.size
		c.byRank[e.version] -= 2
	}
	for _, e := range c.entries {
		c.seen ^= uint64(e.size)
	}
	for _, name := range slices.Sorted(maps.Keys(c.entries)) {
		c.use(name)
	}
	_ = slices.SortedFunc((maps.Values(c.byRank)), func(a, b int) int { return a - b })
	maps.Insert(c.other, maps.All(maps.Collect(maps.All(c.other))))
	return n
}

func (c *catalog) has(size int) (bool, error) {
	for _, e := range c.entries {
		if e.size == size || e.version < 0 {
			return true, nil
		}
	}
	return false, nil
}

func (c *catalog) hasAnother(size int) (found bool) {
	for _, e := range c.entries { // want "a range over a map"
		if e.size == size {
			return true
		}
		if e.size == 0 {
			return false
		}
	}
	for _, e := range c.entries { // want "a range over a map"
		c.count++
		if e.size == size {
			return true
		}
	}
	for _, e := range c.entries { // want "a range over a map"
		if found := e.size == size; found {
			return found
		}
	}
	for range c.entries {
		found = !found
		return
	}
	for _, e := range c.entries { // want "a range over a map"
		if e.size == 0 {
			return
		}
	}
	return false
}

func (c *catalog) ordered() (last int) {
	for k := range c.entries { // want "a range over a map is forbidden in runtime/stream: use slices.Sorted.maps.Keys.m.. or slices.SortedFunc, or a slice kept in order, or //lint:ordered REASON"
		c.names = append(c.names, k)
	}
	for k, e := range c.entries { // want "a range over a map"
		c.use(k)
		last += e.size
	}
	for _, e := range c.entries { // want "a range over a map"
		last = e.size
	}
	for _, e := range c.entries { // want "a range over a map"
		return e.size
	}
	for _, e := range c.entries { // want "a range over a map"
		if last++; last > 3 {
			c.count += e.size
		}
	}
	for _, e := range c.entries { // want "a range over a map"
		c.count += e.size
		c.count ^= e.size
	}
	for _, e := range c.entries { // want "a range over a map"
		delete(c.entries, e.name)
	}
	for k, e := range c.entries { // want "a range over a map"
		c.other[e.name] = c.use(k)
	}
	for _, e := range c.entries { // want "a range over a map"
		c.other[e.name] = e.size
	}
	for k := range c.entries { // want "a range over a map"
		c.other[k] = c.use(k)
	}
	for k, e := range c.entries { // want "a range over a map"
		c.other[k] = e.size
		delete(c.other, e.name)
	}
	for k, e := range c.entries { // want "a range over a map"
		func() { c.other[k] = e.size }()
	}
	for range c.byRank {
		c.use("the same")
	}
	for k := range c.entries { // want "a range over a map"
		if c.other[k]++; k == "" {
			break
		}
	}
turns:
	for range 2 {
		for k := range c.entries { // want "a range over a map"
			if c.count++; k == "" {
				continue turns
			}
		}
	}
	var text string
	for k := range c.entries { // want "a range over a map"
		text += k
	}
	for k, e := range c.entries { // want "a range over a map"
		c.other[k] = func() int { c.use(text); return e.size }()
	}
	for _, e := range c.entries { // want "a range over a map"
		c.count += <-e.inbox // want "receiving from a channel"
	}
	var k string
	for k = range c.entries { // want "a range over a map"
		c.count++
	}
	for range maps.Keys(c.entries) { // want "maps.Keys out of order is forbidden in runtime/stream: use slices.Sorted"
	}
	_ = slices.Collect(maps.Values(c.other)) // want "maps.Values out of order"
	for _, n := range maps.All(c.other) {    // want "maps.All out of order"
		last = n
	}
	return len(k) + last
}

func generic[M ~map[K]V, K comparable, V any](m M, use func(K)) {
	for k := range m { // want "a range over a map"
		use(k)
	}
}

func escapes(c *catalog) {
	//lint:ordered the names are a set, and use keeps nothing
	for k := range c.entries {
		c.use(k)
	}
	for k := range c.entries { //lint:ordered use keeps nothing
		c.use(k)
	}

	for k := range maps.Keys(c.entries) { //lint:ordered use keeps nothing
		c.use(k)
	}

	//lint:ordered too far above
	// want-above "//lint:ordered that excuses nothing is forbidden"
	for k := range c.entries { // want "a range over a map"
		c.use(k)
	}
	//lint:orderedly is another word
	for k := range c.entries { // want "a range over a map"
		c.use(k)
	}
}
