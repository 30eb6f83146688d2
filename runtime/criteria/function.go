package criteria

import (
	"go/ast"
	"strings"
)

// functionNames lists the functions of the language.
var functionNames = []string{"len", "oneOf", "contains", "hasPrefix", "hasSuffix", "matches"}

// call compiles a call of one of the functions.
func (c *compiler) call(x *ast.CallExpr) (node, error) {
	name, ok := x.Fun.(*ast.Ident)
	if !ok || x.Ellipsis.IsValid() {
		return node{}, refuse(x, "only the functions %s can be called", strings.Join(functionNames, ", "))
	}
	args := make([]node, len(x.Args))
	for i, a := range x.Args {
		n, err := c.build(a)
		if err != nil {
			return node{}, err
		}
		args[i] = n
	}
	want := 2
	switch name.Name {
	case "len":
		want = 1
	case "oneOf":
		want = max(2, len(args))
	case "contains", "hasPrefix", "hasSuffix", "matches":
	default:
		return node{}, refuse(x, "no function %s, only %s", name.Name, strings.Join(functionNames, ", "))
	}
	if len(args) != want {
		return node{}, refuse(x, "%s takes %d arguments, not %d", name.Name, want, len(args))
	}
	switch name.Name {
	case "len":
		return node{kind: kindInt, eval: length(args[0])}, nil
	case "oneOf":
		return node{kind: kindBool, eval: oneOf(args)}, nil
	case "contains":
		return node{kind: kindBool, eval: contains(args[0], args[1])}, nil
	case "matches":
		return c.matches(x, args)
	case "hasPrefix":
		return text(x, args, strings.HasPrefix)
	default:
		return text(x, args, strings.HasSuffix)
	}
}

func length(of node) eval {
	return func(m *machine) (value, error) {
		v, err := of.step(m)
		if err != nil {
			return value{}, err
		}
		n := 0
		switch v.kind {
		case kindString:
			n = len(v.s)
		case kindList:
			n = len(v.list)
		case kindMap:
			n = len(v.m)
		default:
			return value{}, mismatch("string, list or map", v)
		}
		return value{kind: kindInt, i: int64(n)}, nil
	}
}

// oneOf is true if the first argument equals one of the others. Those of another
// type differ.
func oneOf(args []node) eval {
	return func(m *machine) (value, error) {
		v, err := args[0].step(m)
		if err != nil {
			return value{}, err
		}
		for _, a := range args[1:] {
			o, err := a.step(m)
			if err != nil {
				return value{}, err
			}
			if same, err := among(m, v, o); same || err != nil {
				return boolean(same), err
			}
		}
		return boolean(false), nil
	}
}

// among is equal, but for values of different types, which differ.
func among(m *machine, a, b value) (bool, error) {
	alike := a.kind == b.kind || a.kind.number() && b.kind.number()
	if !alike || a.kind == kindList || a.kind == kindMap {
		return false, m.pay(1)
	}
	return equal(m, a, b)
}

// contains looks for a text in a text, a value in a list or a name in a map.
func contains(in, what node) eval {
	return func(m *machine) (value, error) {
		a, b, err := both(m, in, what)
		if err != nil {
			return value{}, err
		}
		switch {
		case a.kind == kindList:
			for _, x := range a.list {
				v, err := of(x)
				if err == nil {
					err = m.pay(1)
				}
				if err != nil {
					return value{}, err
				}
				if same, err := among(m, v, b); same || err != nil {
					return boolean(same), err
				}
			}
			return boolean(false), nil
		case b.kind != kindString:
			return value{}, mismatch("string", b)
		case a.kind == kindMap:
			_, found := a.m[b.s]
			return boolean(found), nil
		case a.kind == kindString:
			return boolean(strings.Contains(a.s, b.s)), m.pay((len(a.s) + len(b.s)) / 64)
		default:
			return value{}, mismatch("string, list or map", a)
		}
	}
}

// text compiles a test of two strings.
func text(x *ast.CallExpr, args []node, test func(s, with string) bool) (node, error) {
	for i, a := range args {
		if err := a.want(x.Args[i], kindString); err != nil {
			return node{}, err
		}
	}
	return node{kind: kindBool, eval: func(m *machine) (value, error) {
		a, b, err := both(m, args[0], args[1])
		switch {
		case err != nil:
			return value{}, err
		case a.kind != kindString:
			return value{}, mismatch("string", a)
		case b.kind != kindString:
			return value{}, mismatch("string", b)
		}
		return boolean(test(a.s, b.s)), m.pay(len(b.s) / 64)
	}}, nil
}
