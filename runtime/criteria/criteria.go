package criteria

import (
	"errors"
	"fmt"
	"strings"

	"github.com/smalti/smalti/runtime/wire"
)

// Bounds of an expression.
const (
	// MaxSource is how long an expression may be, in bytes.
	MaxSource = 1 << 10
	// maxProgram bounds a compiled pattern, in instructions: counted repetitions
	// make short patterns long.
	maxProgram = 1 << 10
	// maxPrograms bounds all patterns of an expression together, in instructions.
	maxPrograms = 4 * maxProgram
	// maxClasses bounds the Unicode classes of all patterns of an expression, such as
	// \pL: parsing one copies a table of several KiB.
	maxClasses = 8
	// maxFolds bounds the characters in the ranges of case-insensitive patterns, in all
	// patterns of an expression: parsing such a range looks up each of its characters.
	maxFolds = 24 << 10
	// maxOnePass bounds the work of the one-pass analysis in package regexp, for all
	// patterns of an expression. See onePassWork.
	maxOnePass = 1 << 16
	// maxCost bounds one evaluation. A node costs 1; functions on strings cost a
	// unit for every 64 bytes that they look at, and patterns one for every byte
	// and instruction: it is reached after some milliseconds.
	maxCost = 1 << 20
)

// Errors of Match.
var (
	// ErrField: a field is missing.
	ErrField = errors.New("no such field")
	// ErrType: a value is of another type than the expression wants.
	ErrType = errors.New("wrong type")
	// ErrOverflow: a sum does not fit 64 bits.
	ErrOverflow = errors.New("integer overflow")
	// ErrCost: the datum is too large for the expression.
	ErrCost = errors.New("evaluation costs too much")
)

// Error tells why an expression was refused. It wraps wire.BadCriteria.
type Error struct {
	Column int // in bytes, from 1 on
	Msg    string
}

func (e *Error) Error() string { return fmt.Sprintf("criteria, column %d: %s", e.Column, e.Msg) }

// Unwrap gives wire.BadCriteria.
func (e *Error) Unwrap() error { return wire.BadCriteria }

// Criteria is a compiled expression.
type Criteria struct {
	source string
	root   eval
}

// Compile checks and compiles an expression. Every error is an *Error.
func Compile(expr string) (*Criteria, error) {
	source := strings.TrimSpace(expr)
	root, err := compile(source)
	if err != nil {
		return nil, err
	}
	return &Criteria{source: source, root: root}, nil
}

// String gives the expression. Equal texts mean the same.
func (c *Criteria) String() string { return c.source }

// Match tells whether a datum satisfies the expression. fields is what a Fielder
// gives. With an error, which wraps one of this package's, it does not.
func (c *Criteria) Match(fields any) (bool, error) {
	ok, _, err := c.Judge(fields)
	return ok, err
}

// Judge is Match that returns what it cost besides, in the units of the budget of one
// evaluation.
func (c *Criteria) Judge(fields any) (ok bool, cost int, err error) {
	m := machine{datum: fields, cost: maxCost}
	v, err := c.root(&m)
	cost = maxCost - max(m.cost, 0)
	if err != nil {
		return false, cost, err
	}
	if v.kind != kindBool {
		return false, cost, mismatch("bool", v)
	}
	return v.b, cost, nil
}

// machine is one evaluation.
type machine struct {
	datum any
	cost  int
}

// pay takes the price of some work off the budget.
func (m *machine) pay(units int) error {
	if m.cost -= units; m.cost < 0 {
		return ErrCost
	}
	return nil
}

// eval is a compiled node.
type eval func(m *machine) (value, error)
