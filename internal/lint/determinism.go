package lint

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// checkDeterminism gives what in p, tests aside, could make two runs of one
// seed differ.
func checkDeterminism(p *Package) []Finding {
	c := &checker{Package: p, excused: make(map[ast.Node]bool)}
	for _, name := range p.Ignored {
		if !strings.HasSuffix(name, "_test.go") {
			c.report(token.NoPos, "a build constraint on "+name, "one form of the code for every machine")
		}
	}
	for _, file := range p.Files {
		c.file = file
		c.escapes = escapesOf(p.Fset, file)
		for _, spec := range file.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err == nil && forbiddenImports[path] != "" {
				c.report(spec.Pos(), "importing "+path, forbiddenImports[path])
			}
		}
		ast.Inspect(file, c.visit)
		c.escapes.judge(c)
	}
	return c.findings
}

type checker struct {
	*Package
	file     *ast.File
	escapes  escapes
	excused  map[ast.Node]bool // iterators that something puts in order
	findings []Finding
}

func (c *checker) report(pos token.Pos, what, use string) {
	c.findings = append(c.findings, Finding{c.position(pos), fmt.Sprintf("%s is forbidden in %s: use %s", what, c.Path, use)})
}

func (c *checker) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.report(n.Pos(), "a go statement", useTask)
	case *ast.SelectStmt:
		c.report(n.Pos(), "select", "a method posted on a strand for each case, or Env.Await")
	case *ast.SendStmt:
		c.report(n.Arrow, "sending on a channel", usePost+" or a runtime.Watch")
	case *ast.UnaryExpr:
		c.unary(n)
	case *ast.RangeStmt:
		c.loop(n)
	case *ast.CallExpr:
		c.call(n)
	case *ast.Ident:
		c.ident(n)
	case *ast.BinaryExpr:
		c.float(n, n.OpPos, n.X, n.Y, comparison(n.Op))
	case *ast.AssignStmt:
		if n.Tok != token.ASSIGN && n.Tok != token.DEFINE {
			c.float(nil, n.TokPos, n.Lhs[0], n.Rhs[0], false)
		}
	case *ast.IncDecStmt:
		c.float(nil, n.TokPos, n.X, n.X, false)
	}
	return true
}

func (c *checker) unary(n *ast.UnaryExpr) {
	switch n.Op {
	case token.ARROW:
		c.report(n.Pos(), "receiving from a channel", useAwait)
	case token.SUB:
		c.float(n, n.OpPos, n.X, n.X, false)
	}
}

func (c *checker) loop(n *ast.RangeStmt) {
	t := c.Info.TypeOf(n.X)
	switch {
	case has[*types.Chan](t):
		c.report(n.Pos(), "a range over a channel", useAwait)
	case has[*types.Map](t) && !c.orderFree(n) && !c.escapes.take(c.line(n.Pos())):
		c.report(n.Pos(), "a range over a map", useSorted+", or //lint:ordered REASON where order reaches nothing")
	}
}

func (c *checker) call(n *ast.CallExpr) {
	if name, ok := ast.Unparen(n.Fun).(*ast.Ident); ok && c.builtin(name) {
		c.builtinCall(name.Name, n)
		return
	}
	callee := c.callee(n)
	if callee == nil {
		return
	}
	symbol := symbolOf(callee)
	if ordering[symbol] {
		for _, arg := range n.Args {
			c.excused[ast.Unparen(arg)] = true
		}
	}
	switch {
	case unordered[symbol] && !c.excused[n] && !c.escapes.take(c.line(n.Pos())):
		c.report(n.Pos(), display(callee)+" out of order", useSorted)
	case callee.Pkg() != nil && callee.Pkg().Path() == "math" && !exactFloat[symbol]:
		c.report(n.Pos(), "float arithmetic ("+display(callee)+")", useInteger)
	case callee.Pkg() != nil && callee.Pkg().Path() == "fmt":
		c.format(n)
	}
}

// builtinCall judges calls of make, close, min and max.
func (c *checker) builtinCall(name string, n *ast.CallExpr) {
	if len(n.Args) == 0 {
		return
	}
	switch t := c.Info.TypeOf(n.Args[0]); name {
	case "make":
		if has[*types.Chan](t) {
			c.report(n.Pos(), "making a channel", useAwait)
		}
	case "close":
		c.report(n.Pos(), "closing a channel", useAwait)
	case "min", "max":
		c.float(n, n.Pos(), n.Args[0], n.Args[len(n.Args)-1], true)
	}
}

// ident judges every mention of a thing of another package, called or not.
func (c *checker) ident(n *ast.Ident) {
	o := c.Info.Uses[n]
	symbol := symbolOf(o)
	if symbol == "" {
		return
	}
	if use := use(symbol, o); use != "" {
		c.report(n.Pos(), display(o), use)
	}
}

// float judges arithmetic or a comparison on x and y. Constants are computed
// by the compiler, exactly.
func (c *checker) float(whole ast.Expr, pos token.Pos, x, y ast.Expr, compares bool) {
	if whole != nil && c.Info.Types[whole].Value != nil {
		return
	}
	if !isFloat(c.Info.TypeOf(x)) && !isFloat(c.Info.TypeOf(y)) {
		return
	}
	switch {
	case !compares:
		c.report(pos, "float arithmetic", useInteger)
	case !withinAny(c.Path, comparesFloats):
		c.report(pos, "comparing floats", useInteger)
	}
}

// format judges the constant text that a function of package fmt is given.
func (c *checker) format(n *ast.CallExpr) {
	for _, arg := range n.Args {
		value := c.Info.Types[arg].Value
		if value == nil || value.Kind() != constant.String {
			continue
		}
		if printsPointer(constant.StringVal(value)) {
			c.report(arg.Pos(), "formatting with %p", "a name or a sequence number: addresses differ in each run")
		}
	}
}

// printsPointer tells whether a format has the verb %p, with flags or without.
func printsPointer(format string) bool {
	for rest := format; ; {
		_, verb, found := strings.Cut(rest, "%")
		if !found {
			return false
		}
		verb = strings.TrimLeft(verb, "+-# 0123456789.*[]")
		if strings.HasPrefix(verb, "p") {
			return true
		}
		rest = strings.TrimPrefix(verb, "%")
	}
}

// callee is the function or method that n calls by name, or nil.
func (c *checker) callee(n *ast.CallExpr) types.Object {
	fun := ast.Unparen(n.Fun)
	switch f := fun.(type) { // explicit instantiation
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	var name *ast.Ident
	switch f := fun.(type) {
	case *ast.Ident:
		name = f
	case *ast.SelectorExpr:
		name = f.Sel
	default:
		return nil
	}
	fn, ok := c.Info.Uses[name].(*types.Func)
	if !ok {
		return nil
	}
	return fn
}

func (c *checker) builtin(name *ast.Ident) bool {
	_, ok := c.Info.Uses[name].(*types.Builtin)
	return ok
}

func (c *checker) line(pos token.Pos) int { return c.Fset.Position(pos).Line }

func comparison(op token.Token) bool {
	switch op {
	case token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
		return true
	}
	return false
}

// has tells whether t is a K, or a type parameter that may be one.
func has[K types.Type](t types.Type) bool {
	if t == nil {
		return false
	}
	if parameter, ok := types.Unalias(t).(*types.TypeParam); ok {
		return hasTerm[K](parameter.Constraint())
	}
	_, ok := t.Underlying().(K)
	return ok
}

// hasTerm tells whether one of the types that a constraint lists is a K.
func hasTerm[K types.Type](t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Interface:
		for embedded := range u.EmbeddedTypes() {
			if hasTerm[K](embedded) {
				return true
			}
		}
		return false
	case *types.Union:
		for term := range u.Terms() {
			if hasTerm[K](term.Type()) {
				return true
			}
		}
		return false
	default:
		_, ok := u.(K)
		return ok
	}
}

// isFloat tells whether t is a float or complex number.
func isFloat(t types.Type) bool { return isBasic(t, types.IsFloat|types.IsComplex) }

func isBasic(t types.Type, info types.BasicInfo) bool {
	if t == nil {
		return false
	}
	basic, ok := t.Underlying().(*types.Basic)
	return ok && basic.Info()&info != 0
}
