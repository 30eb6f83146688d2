package wire

// LinkCount counts the links that one side of a session opened, by protocol. The zero
// value is ready. It is not safe for concurrent use.
type LinkCount struct {
	all int
	of  map[string]int
}

// Add counts one more link, unless there are most of its protocol or all in all: then it
// returns false.
func (c *LinkCount) Add(protocol string, most, all int) bool {
	if c.of[protocol] >= most || c.all >= all {
		return false
	}
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[protocol]++
	c.all++
	return true
}

// Remove counts one link less.
func (c *LinkCount) Remove(protocol string) {
	c.all--
	if c.of[protocol]--; c.of[protocol] == 0 {
		delete(c.of, protocol)
	}
}

// Of returns how many links of a protocol there are.
func (c *LinkCount) Of(protocol string) int { return c.of[protocol] }
