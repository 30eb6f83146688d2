package netsim

import "math/bits"

// quantiles is the inverse of a distribution function, in units of 1/1024 of
// the spread: body at i/64, tail at 1 - 2^-(6+j). Between entries it is linear.
// The values were computed once from the formula that each table names and are
// kept as integers, because math.Log differs between machines.
type quantiles struct {
	body [64]int64
	tail [15]int64
}

// scaled maps 64 random bits through a table, times spread.
func scaled(q *quantiles, u uint64, spread int64) int64 {
	i, rest := u>>58, int64(u<<6>>32) // rest: 32 bits
	var from, to int64
	switch {
	case i < 63:
		from, to = q.body[i], q.body[i+1]
	default:
		// In the last 64th each halving of what remains is an entry.
		j := bits.LeadingZeros64(^(u << 6))
		if j >= len(q.tail)-1 {
			return q.tail[len(q.tail)-1] * spread >> 10
		}
		from, to = q.tail[j], q.tail[j+1]
		rest = int64(u << (6 + j + 1) >> 32)
	}
	value := from + (to-from)*rest>>32
	return value*(spread>>10) + value*(spread&1023)>>10
}

// exponential is -ln(1-q), the distribution with mean 1.
var exponential = quantiles{
	body: [64]int64{
		0, 16, 33, 49, 66, 83, 101, 119,
		137, 155, 174, 193, 213, 233, 253, 273,
		295, 316, 338, 361, 384, 407, 431, 456,
		481, 507, 534, 561, 589, 618, 648, 678,
		710, 742, 776, 811, 847, 884, 922, 963,
		1004, 1048, 1093, 1141, 1191, 1244, 1299, 1357,
		1420, 1486, 1556, 1632, 1714, 1803, 1901, 2009,
		2129, 2266, 2424, 2611, 2839, 3134, 3549, 4259,
	},
	tail: [15]int64{
		4259, 4968, 5678, 6388, 7098, 7808, 8517, 9227,
		9937, 10647, 11357, 12066, 12776, 13486, 14196,
	},
}

// pareto is (1-q)^(-1/1.5) - 1, cut at 1,000: mean 2, no variance.
var pareto = quantiles{
	body: [64]int64{
		0, 11, 22, 33, 45, 57, 69, 82,
		95, 109, 123, 137, 152, 167, 183, 200,
		216, 234, 252, 271, 291, 311, 332, 354,
		377, 401, 426, 452, 479, 507, 537, 568,
		601, 636, 673, 712, 753, 796, 843, 892,
		945, 1002, 1063, 1128, 1200, 1277, 1361, 1454,
		1556, 1670, 1797, 1939, 2102, 2289, 2506, 2763,
		3072, 3453, 3938, 4579, 5478, 6853, 9297, 15360,
	},
	tail: [15]int64{
		15360, 24984, 40261, 64512, 103008, 164116, 261120, 415104,
		659537, 1024000, 1024000, 1024000, 1024000, 1024000, 1024000,
	},
}
