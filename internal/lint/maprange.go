package lint

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// orderFree tells whether a loop over a map gives the same result in every
// order, judged by a few plain shapes: its body only deletes from maps, fills
// another map under the key of the loop, and counts in integers. Conditions
// and local names may stand around these, calls may not, and nothing that the
// body changes may be read in it. A body that changes nothing may also end the
// loop with one constant answer: whether any element has a property.
func (c *checker) orderFree(loop *ast.RangeStmt) bool {
	if loop.Key == nil && loop.Value == nil {
		return true
	}
	if loop.Tok == token.ASSIGN {
		return false // the last key stays behind
	}
	b := &loopBody{checker: c, loop: loop, changes: make(map[string]string)}
	return b.statements(loop.Body.List) && !b.readsChanged() && (b.answer == "" || len(b.changes) == 0)
}

// loopBody gathers what one body reads and changes, as paths: "c.entries".
type loopBody struct {
	*checker
	loop    *ast.RangeStmt
	reads   []string
	changes map[string]string // how: two ways of changing one thing depend on order
	answer  string            // what it returns
}

func (b *loopBody) statements(list []ast.Stmt) bool {
	for _, s := range list {
		if !b.statement(s) {
			return false
		}
	}
	return true
}

func (b *loopBody) statement(s ast.Stmt) bool {
	switch s := s.(type) {
	case nil, *ast.EmptyStmt:
		return true
	case *ast.BlockStmt:
		return b.statements(s.List)
	case *ast.BranchStmt:
		return s.Tok == token.CONTINUE && s.Label == nil
	case *ast.ReturnStmt:
		return b.answers(s)
	case *ast.IfStmt:
		return (s.Init == nil || b.statement(s.Init)) && b.read(s.Cond) && b.statement(s.Body) && (s.Else == nil || b.statement(s.Else))
	case *ast.ExprStmt:
		return b.deletes(s.X)
	case *ast.IncDecStmt:
		return b.counts(s.X, "add")
	case *ast.AssignStmt:
		return b.assigns(s)
	}
	return false
}

// answers takes a return of constants, the same wherever the body returns.
func (b *loopBody) answers(s *ast.ReturnStmt) bool {
	answer := []string{"return"}
	for _, result := range s.Results {
		if value := b.Info.Types[result]; value.Value == nil && !value.IsNil() {
			return false
		}
		answer = append(answer, types.ExprString(result))
	}
	text := strings.Join(answer, " ")
	if len(s.Results) == 0 || b.answer != "" && b.answer != text {
		return false // named results may hold anything
	}
	b.answer = text
	return true
}

// deletes takes delete(m, k).
func (b *loopBody) deletes(x ast.Expr) bool {
	call, ok := x.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := call.Fun.(*ast.Ident)
	if !ok || name.Name != "delete" || !b.builtin(name) {
		return false
	}
	return b.change(call.Args[0], "delete", call.Args[1]) && b.read(call.Args[1])
}

func (b *loopBody) assigns(s *ast.AssignStmt) bool {
	for _, value := range s.Rhs {
		if !b.read(value) {
			return false
		}
	}
	switch s.Tok {
	case token.DEFINE:
		return true // names of this turn only
	case token.ASSIGN:
		return len(s.Lhs) == 1 && b.fills(s.Lhs[0])
	case token.ADD_ASSIGN, token.SUB_ASSIGN:
		return b.counts(s.Lhs[0], "add")
	case token.OR_ASSIGN, token.AND_ASSIGN, token.XOR_ASSIGN:
		return b.counts(s.Lhs[0], s.Tok.String())
	}
	return false
}

// fills takes m[k] on the left, where k is the key of the loop: each turn then
// has an element of its own.
func (b *loopBody) fills(x ast.Expr) bool {
	index, ok := x.(*ast.IndexExpr)
	if !ok || !has[*types.Map](b.Info.TypeOf(index.X)) {
		return false
	}
	return b.isKey(index.Index) && b.change(index.X, "fill", index.Index)
}

// counts takes an integer that changes in a way in which order is irrelevant.
func (b *loopBody) counts(x ast.Expr, how string) bool {
	if !isBasic(b.Info.TypeOf(x), types.IsInteger) {
		return false
	}
	if index, ok := x.(*ast.IndexExpr); ok {
		return b.read(index.Index) && b.change(index.X, how, index.Index)
	}
	return b.change(x, how, nil)
}

// change notes that the body changes x, or x[at], where x must be a plain name
// or path. Of the map that the loop is over, only the element of this turn may
// change: whether others are still to come depends on order.
func (b *loopBody) change(x ast.Expr, how string, at ast.Expr) bool {
	if !isPath(x) {
		return false
	}
	path := types.ExprString(x)
	if overlap(path, types.ExprString(b.loop.X)) && (at == nil || !b.isKey(at)) {
		return false
	}
	if other, ok := b.changes[path]; ok && other != how {
		return false
	}
	b.changes[path] = how
	return true
}

// isKey tells whether x is the key of the loop.
func (b *loopBody) isKey(x ast.Expr) bool {
	name, ok := x.(*ast.Ident)
	key, declared := b.loop.Key.(*ast.Ident)
	return ok && declared && b.Info.Uses[name] != nil && b.Info.Uses[name] == b.Info.Defs[key]
}

// read notes what x reads, and tells whether reading is all that x does.
func (b *loopBody) read(x ast.Expr) bool {
	plain := true
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryExpr:
			plain = plain && n.Op != token.ARROW
		case *ast.CallExpr:
			plain = plain && b.pure(n)
		case *ast.Ident, *ast.SelectorExpr:
			if x := n.(ast.Expr); isPath(x) {
				b.reads = append(b.reads, types.ExprString(x))
				return false
			}
		}
		return plain
	})
	return plain
}

// pure takes conversions and the built-ins that change nothing.
func (b *loopBody) pure(call *ast.CallExpr) bool {
	if b.Info.Types[call.Fun].IsType() {
		return true
	}
	name, ok := call.Fun.(*ast.Ident)
	if !ok || !b.builtin(name) {
		return false
	}
	switch name.Name {
	case "len", "cap", "min", "max":
		return true
	}
	return false
}

// readsChanged tells whether something that the body reads may be something
// that it changes, or a part of it, or the whole that it belongs to.
func (b *loopBody) readsChanged() bool {
	for changed := range b.changes {
		for _, read := range b.reads {
			if overlap(changed, read) {
				return true
			}
		}
	}
	return false
}

// overlap tells whether two paths are one, or one is a part of the other.
func overlap(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

// isPath tells whether x is a name, or fields of one: "c.entries".
func isPath(x ast.Expr) bool {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return true
		case *ast.SelectorExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default:
			return false
		}
	}
}
