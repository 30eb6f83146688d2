package criteria

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"strconv"
	"strings"
	"unicode/utf8"
)

// compile turns an expression into a function, allowing only what the language
// has.
func compile(source string) (eval, error) {
	switch {
	case source == "":
		return nil, &Error{1, "empty: leave the criteria out to get everything"}
	case len(source) > MaxSource:
		return nil, &Error{MaxSource + 1, fmt.Sprintf("%d bytes, at most %d", len(source), MaxSource)}
	case !utf8.ValidString(source):
		return nil, &Error{1, "not UTF-8"}
	}
	if i := strings.IndexAny(source, "\r\n"); i >= 0 {
		return nil, &Error{i + 1, "line break: an expression is one line"}
	}
	tree, err := parser.ParseExpr(source)
	if err != nil {
		var list scanner.ErrorList
		if errors.As(err, &list) && len(list) > 0 {
			return nil, &Error{min(max(list[0].Pos.Column, 1), len(source)+1), list[0].Msg}
		}
		return nil, &Error{1, err.Error()}
	}
	n, err := new(compiler).build(tree)
	if err != nil {
		return nil, err
	}
	if n.kind != kindAny && n.kind != kindBool {
		return nil, &Error{1, fmt.Sprintf("the expression is a %s, want true or false", n.kind)}
	}
	return n.eval, nil
}

// node is a compiled subexpression and its type, as far as that is known.
type node struct {
	eval
	kind kind
	lit  *value // of a literal
}

func constant(v value) node {
	return node{eval: func(m *machine) (value, error) { return v, m.pay(1) }, kind: v.kind, lit: &v}
}

func refuse(at ast.Node, format string, args ...any) error {
	return &Error{int(at.Pos()), fmt.Sprintf(format, args...)}
}

func (c *compiler) build(x ast.Expr) (node, error) {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return c.build(x.X)
	case *ast.BasicLit:
		return literal(x, "")
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return field(x)
	case *ast.UnaryExpr:
		return c.unary(x)
	case *ast.BinaryExpr:
		return c.binary(x)
	case *ast.CallExpr:
		return c.call(x)
	default:
		return node{}, refuse(x, "not in the language: only fields, literals, comparisons, && || ! + - and the functions %s", strings.Join(functionNames, ", "))
	}
}

func literal(x *ast.BasicLit, sign string) (node, error) {
	switch x.Kind {
	case token.INT:
		i, err := strconv.ParseInt(sign+x.Value, 0, 64)
		if err == nil {
			return constant(value{kind: kindInt, i: i}), nil
		}
		if u, err := strconv.ParseUint(x.Value, 0, 64); err == nil && sign == "" {
			return constant(value{kind: kindUint, u: u}), nil
		}
		return node{}, refuse(x, "integer %s%s does not fit 64 bits", sign, x.Value)
	case token.FLOAT:
		f, err := strconv.ParseFloat(sign+x.Value, 64)
		if err != nil {
			return node{}, refuse(x, "float %s%s is out of range", sign, x.Value)
		}
		return constant(value{kind: kindFloat, f: f}), nil
	case token.STRING:
		s, err := strconv.Unquote(x.Value)
		if err != nil {
			return node{}, refuse(x, "malformed string")
		}
		return constant(value{kind: kindString, s: s}), nil
	default:
		return node{}, refuse(x, "%s is no literal of the language", x.Value)
	}
}

// named are the identifiers that are literals.
var named = map[string]value{"true": boolean(true), "false": boolean(false), "nil": {kind: kindNil}}

// field compiles a path of names.
func field(x ast.Expr) (node, error) {
	if id, ok := x.(*ast.Ident); ok {
		if v, ok := named[id.Name]; ok {
			return constant(v), nil
		}
	}
	path, err := names(x)
	if err != nil {
		return node{}, err
	}
	return node{eval: func(m *machine) (value, error) {
		if err := m.pay(len(path)); err != nil {
			return value{}, err
		}
		return lookup(m.datum, path)
	}}, nil
}

func names(x ast.Expr) ([]string, error) {
	switch x := x.(type) {
	case *ast.Ident:
		if x.Name == "_" || named[x.Name].kind != kindAny {
			return nil, refuse(x, "%s is no field", x.Name)
		}
		return []string{x.Name}, nil
	case *ast.SelectorExpr:
		path, err := names(x.X)
		return append(path, x.Sel.Name), err
	case *ast.IndexExpr:
		path, err := names(x.X)
		if err != nil {
			return nil, err
		}
		lit, ok := x.Index.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return nil, refuse(x.Index, "an index is a name in quotes")
		}
		name, err := strconv.Unquote(lit.Value)
		if err != nil {
			return nil, refuse(lit, "malformed string")
		}
		return append(path, name), nil
	default:
		return nil, refuse(x, "only fields have fields")
	}
}

// whole is the name of the datum itself.
const whole = "value"

func lookup(datum any, path []string) (value, error) {
	at := datum
	for i, name := range path {
		fields, ok := at.(map[string]any)
		next, found := any(nil), false
		if ok {
			next, found = fields[name]
		}
		if !found && i == 0 && name == whole {
			next, found = datum, true
		}
		if !found {
			return value{}, fmt.Errorf("%s: %w", strings.Join(path[:i+1], "."), ErrField)
		}
		at = next
	}
	return of(at)
}

func (c *compiler) unary(x *ast.UnaryExpr) (node, error) {
	if lit, ok := x.X.(*ast.BasicLit); ok && x.Op == token.SUB && lit.Kind != token.STRING {
		return literal(lit, "-")
	}
	operand, err := c.build(x.X)
	if err != nil {
		return node{}, err
	}
	switch x.Op {
	case token.NOT:
		if err := operand.want(x.X, kindBool); err != nil {
			return node{}, err
		}
		return node{kind: kindBool, eval: func(m *machine) (value, error) {
			v, err := operand.truth(m)
			return boolean(!v), err
		}}, nil
	case token.SUB:
		if err := operand.want(x.X, kindInt); err != nil {
			return node{}, err
		}
		return node{kind: kindInt, eval: func(m *machine) (value, error) {
			v, err := operand.step(m)
			if err != nil {
				return value{}, err
			}
			return sum(value{kind: kindInt}, v, true)
		}}, nil
	default:
		return node{}, refuse(x, "operator %s is not in the language", x.Op)
	}
}

// want refuses an operand that can never be of a kind.
func (n node) want(at ast.Node, k kind) error {
	if n.kind != kindAny && n.kind != k {
		return refuse(at, "%s where a %s should be", n.kind, k)
	}
	return nil
}

// step evaluates a node and pays for it.
func (n node) step(m *machine) (value, error) {
	if err := m.pay(1); err != nil {
		return value{}, err
	}
	return n.eval(m)
}

// truth evaluates a condition.
func (n node) truth(m *machine) (bool, error) {
	v, err := n.step(m)
	if err == nil && v.kind != kindBool {
		err = mismatch("bool", v)
	}
	return v.b, err
}

// both evaluates two operands.
func both(m *machine, l, r node) (a, b value, err error) {
	if a, err = l.step(m); err == nil {
		b, err = r.step(m)
	}
	return a, b, err
}

func (c *compiler) binary(x *ast.BinaryExpr) (node, error) {
	l, err := c.build(x.X)
	if err != nil {
		return node{}, err
	}
	r, err := c.build(x.Y)
	if err != nil {
		return node{}, err
	}
	at := func(format string, args ...any) error { return &Error{int(x.OpPos), fmt.Sprintf(format, args...)} }
	switch x.Op {
	case token.LAND, token.LOR:
		if err := errors.Join(l.want(x.X, kindBool), r.want(x.Y, kindBool)); err != nil {
			return node{}, first(err)
		}
		decides := x.Op == token.LOR
		return node{kind: kindBool, eval: func(m *machine) (value, error) {
			v, err := l.truth(m)
			if err == nil && v != decides {
				v, err = r.truth(m)
			}
			return boolean(v), err
		}}, nil
	case token.ADD, token.SUB:
		if err := errors.Join(l.want(x.X, kindInt), r.want(x.Y, kindInt)); err != nil {
			return node{}, first(err)
		}
		minus := x.Op == token.SUB
		return node{kind: kindInt, eval: func(m *machine) (value, error) {
			a, b, err := both(m, l, r)
			if err != nil {
				return value{}, err
			}
			return sum(a, b, minus)
		}}, nil
	case token.EQL, token.NEQ:
		if !orderable(l.kind, r.kind) && l.kind != kindNil && r.kind != kindNil && (l.kind != kindBool || r.kind != kindBool) {
			return node{}, at("%s compared with %s", l.kind, r.kind)
		}
		negate := x.Op == token.NEQ
		return node{kind: kindBool, eval: func(m *machine) (value, error) {
			a, b, err := both(m, l, r)
			if err != nil {
				return value{}, err
			}
			same, err := equal(m, a, b)
			return boolean(same != negate), err
		}}, nil
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		if !orderable(l.kind, r.kind) || l.kind == kindNil || r.kind == kindNil || l.kind == kindBool || r.kind == kindBool {
			return node{}, at("%s compared with %s", l.kind, r.kind)
		}
		return node{kind: kindBool, eval: compare(x.Op, l, r)}, nil
	default:
		return node{}, at("operator %s is not in the language", x.Op)
	}
}

// orderable tells whether values of two kinds may be ordered, as far as they
// are known.
func orderable(a, b kind) bool {
	return a == kindAny || b == kindAny || a.number() && b.number() || a == kindString && b == kindString
}

func compare(op token.Token, l, r node) eval {
	return func(m *machine) (value, error) {
		a, b, err := both(m, l, r)
		if err != nil {
			return value{}, err
		}
		n, ordered, err := order(m, a, b)
		if err != nil || !ordered {
			return boolean(false), err
		}
		switch op {
		case token.LSS:
			return boolean(n < 0), nil
		case token.LEQ:
			return boolean(n <= 0), nil
		case token.GTR:
			return boolean(n > 0), nil
		default:
			return boolean(n >= 0), nil
		}
	}
}

// first gives the leftmost of several refusals.
func first(err error) error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()[0]
	}
	return err
}
