package lint

import (
	"cmp"
	"fmt"
	"go/token"
	"slices"
)

// Finding is one broken rule.
type Finding struct {
	Position token.Position
	Text     string // "X is forbidden in PACKAGE: use Y"
}

// String gives the finding as one line that editors can jump to.
func (f Finding) String() string { return fmt.Sprintf("%s: %s", f.Position, f.Text) }

// Check gives every broken rule of the packages, in order of position.
func Check(packages []*Package) []Finding {
	var findings []Finding
	for _, p := range packages {
		if len(p.Faults) > 0 {
			text := fmt.Sprintf("%s cannot be judged, it has %d faults, the first: %v", p.Path, len(p.Faults), p.Faults[0])
			findings = append(findings, Finding{p.position(token.NoPos), text})
		}
		findings = append(findings, checkImports(p)...)
		if exemption(p) == "" && len(p.Faults) == 0 {
			findings = append(findings, checkDeterminism(p)...)
		}
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Position.Filename, b.Position.Filename),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
		)
	})
	return findings
}

// position resolves pos; a finding about no line in particular names the
// package.
func (p *Package) position(pos token.Pos) token.Position {
	if !pos.IsValid() {
		return token.Position{Filename: p.Path}
	}
	return p.Fset.Position(pos)
}
