package criteria

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
)

// kind is the type of a value.
type kind uint8

const (
	kindAny kind = iota // of a node: not known before the evaluation
	kindNil
	kindBool
	kindInt
	kindUint // above the largest int64
	kindFloat
	kindString
	kindList
	kindMap
)

var kindNames = [...]string{"any", "nil", "bool", "integer", "integer", "float", "string", "list", "map"}

func (k kind) String() string { return kindNames[k] }

func (k kind) number() bool { return k == kindInt || k == kindUint || k == kindFloat }

// value is an intermediate result. Only the field of its kind is set.
type value struct {
	kind kind
	b    bool
	i    int64
	u    uint64
	f    float64
	s    string
	list []any
	m    map[string]any
}

func boolean(b bool) value { return value{kind: kindBool, b: b} }

// of takes a value from a decoded datum.
func of(x any) (value, error) {
	switch x := x.(type) {
	case nil:
		return value{kind: kindNil}, nil
	case bool:
		return boolean(x), nil
	case int64:
		return value{kind: kindInt, i: x}, nil
	case uint64:
		if x <= math.MaxInt64 {
			return value{kind: kindInt, i: int64(x)}, nil
		}
		return value{kind: kindUint, u: x}, nil
	case float64:
		return value{kind: kindFloat, f: x}, nil
	case string:
		return value{kind: kindString, s: x}, nil
	case []byte:
		return value{kind: kindString, s: string(x)}, nil
	case []any:
		return value{kind: kindList, list: x}, nil
	case map[string]any:
		return value{kind: kindMap, m: x}, nil
	default:
		return value{}, fmt.Errorf("field of Go type %T: %w", x, ErrType)
	}
}

func mismatch(want string, got value) error {
	return fmt.Errorf("%s where a %s should be: %w", got.kind, want, ErrType)
}

// order tells how two values compare: below 0, 0 or above 0; false: they are
// neither equal nor ordered.
func order(m *machine, a, b value) (int, bool, error) {
	switch {
	case a.kind == kindString && b.kind == kindString:
		return cmp.Compare(a.s, b.s), true, m.pay(min(len(a.s), len(b.s)) / 64)
	case a.kind == kindInt && b.kind == kindInt:
		return cmp.Compare(a.i, b.i), true, nil
	case a.kind == kindFloat && b.kind == kindFloat:
		return cmp.Compare(a.f, b.f), a.f == a.f && b.f == b.f, nil //nolint:gocritic,staticcheck // NaN differs from itself
	case a.kind.number() && b.kind.number():
		x, y := a.exact(), b.exact()
		if x == nil || y == nil {
			return 0, false, nil
		}
		return x.Cmp(y), true, nil
	default:
		return 0, false, fmt.Errorf("%s compared with %s: %w", a.kind, b.kind, ErrType)
	}
}

// exact gives a number without loss, nil for NaN.
func (v value) exact() *big.Float {
	switch {
	case v.kind == kindInt:
		return new(big.Float).SetInt64(v.i)
	case v.kind == kindUint:
		return new(big.Float).SetUint64(v.u)
	case v.f != v.f: //nolint:gocritic,staticcheck // NaN differs from itself
		return nil
	default:
		return big.NewFloat(v.f)
	}
}

// equal compares what can be equal: also booleans, and anything with nil.
func equal(m *machine, a, b value) (bool, error) {
	switch {
	case a.kind == kindNil || b.kind == kindNil:
		return a.kind == b.kind, nil
	case a.kind == kindBool && b.kind == kindBool:
		return a.b == b.b, nil
	}
	n, ordered, err := order(m, a, b)
	return err == nil && ordered && n == 0, err
}

// sum adds or subtracts two integers.
func sum(a, b value, minus bool) (value, error) {
	if a.kind != kindInt {
		return value{}, mismatch("signed integer", a)
	}
	if b.kind != kindInt {
		return value{}, mismatch("signed integer", b)
	}
	c := a.i + b.i
	overflow := (c < a.i) != (b.i < 0)
	if minus {
		c = a.i - b.i
		overflow = (c > a.i) != (b.i < 0)
	}
	if overflow {
		return value{}, ErrOverflow
	}
	return value{kind: kindInt, i: c}, nil
}
