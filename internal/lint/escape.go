package lint

import (
	"go/ast"
	"go/token"
	"strings"
)

const escapeMark = "//lint:ordered"

// escapes are the //lint:ordered comments of one file, by line.
type escapes map[int]*escape

type escape struct {
	pos    token.Pos
	reason string
	taken  bool
}

func escapesOf(fset *token.FileSet, file *ast.File) escapes {
	found := make(escapes)
	for _, group := range file.Comments {
		for _, comment := range group.List {
			reason, ok := strings.CutPrefix(comment.Text, escapeMark)
			if !ok || reason != strings.TrimLeft(reason, "abcdefghijklmnopqrstuvwxyz") {
				continue
			}
			found[fset.Position(comment.Pos()).Line] = &escape{pos: comment.Pos(), reason: strings.TrimSpace(reason)}
		}
	}
	return found
}

// take tells whether an escape excuses what stands on line: one on the same
// line or on the line above.
func (e escapes) take(line int) bool {
	for _, at := range []int{line, line - 1} {
		if escape := e[at]; escape != nil && escape.reason != "" {
			escape.taken = true
			return true
		}
	}
	return false
}

// judge reports the escapes that give no reason or excuse nothing.
func (e escapes) judge(c *checker) {
	for _, escape := range e {
		switch {
		case escape.reason == "":
			c.report(escape.pos, escapeMark+" without a reason", escapeMark+" REASON")
		case !escape.taken:
			c.report(escape.pos, escapeMark+" that excuses nothing", "no comment")
		}
	}
}
