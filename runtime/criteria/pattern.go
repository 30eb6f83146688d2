package criteria

import (
	"go/ast"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// compiler compiles one expression. Its fields sum what the patterns of the expression
// cost to compile.
type compiler struct {
	instructions int
	classes      int
	folds        int
	onePass      int64
}

// matches compiles a test for a pattern. The pattern is a literal and is compiled once,
// here.
func (c *compiler) matches(x *ast.CallExpr, args []node) (node, error) {
	if err := args[0].want(x.Args[0], kindString); err != nil {
		return node{}, err
	}
	lit := args[1].lit
	if lit == nil || lit.kind != kindString {
		return node{}, refuse(x.Args[1], "the pattern of matches is a string in quotes")
	}
	pattern, size, err := c.pattern(x.Args[1], lit.s)
	if err != nil {
		return node{}, err
	}
	return node{kind: kindBool, eval: func(m *machine) (value, error) {
		v, err := args[0].step(m)
		switch {
		case err != nil:
			return value{}, err
		case v.kind != kindString:
			return value{}, mismatch("string", v)
		}
		// Paid before the work: a pattern over a long text is what costs most.
		if len(v.s) > maxCost || m.pay((len(v.s)+1)*size) != nil {
			return value{}, ErrCost
		}
		return boolean(pattern.MatchString(v.s)), nil
	}}, nil
}

// pattern compiles a regular expression and returns its size in instructions. Each
// limit is checked before the work that it bounds: a consumer chooses the pattern, and
// the producer compiles it on its strand.
func (c *compiler) pattern(at ast.Node, text string) (*regexp.Regexp, int, error) {
	classes, folds := parseWork(text)
	c.classes, c.folds = c.classes+classes, c.folds+folds
	switch {
	case c.classes > maxClasses:
		return nil, 0, refuse(at, `%d Unicode classes such as \pL in the patterns, at most %d`, c.classes, maxClasses)
	case c.folds > maxFolds:
		return nil, 0, refuse(at, "%d characters in the ranges of case-insensitive patterns, at most %d", c.folds, maxFolds)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, refuse(at, "%v", err)
	}
	program := measure(parsed)
	size := program.instructions + 2 // InstFail and InstMatch
	if size > maxProgram && size <= 2*maxProgram {
		// measure returns an upper bound: only the program itself is exact.
		exact, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			return nil, 0, refuse(at, "%v", err)
		}
		size = len(exact.Inst)
	}
	if size > maxProgram {
		return nil, 0, refuse(at, "the pattern is too complex: %d instructions, at most %d", size, maxProgram)
	}
	if c.instructions += size; c.instructions > maxPrograms {
		return nil, 0, refuse(at, "the patterns are too complex together: %d instructions, at most %d",
			c.instructions, maxPrograms)
	}
	if work := program.onePassWork(); c.onePass+work <= maxOnePass {
		c.onePass += work
	} else {
		// Package regexp analyzes only programs whose first instruction is the assertion
		// ^. The empty group adds an instruction before it and keeps the meaning.
		text = "(?:)" + text
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, 0, refuse(at, "%v", err)
	}
	return pattern, size, nil
}

// Bounds of the characters that have another case, of package regexp/syntax.
const (
	minFold = 'A'
	maxFold = 0x1e943

	maxASCII = 0x7f // the largest character of classes such as \w
)

// maxShortEscape is the largest character of an escape other than \x{...}: octal \777.
const maxShortEscape = 0o777

// parseWork returns upper bounds of what makes a pattern expensive to parse: the number
// of its Unicode classes, and the number of characters in its case-insensitive ranges.
// It takes a-b for a range outside of brackets, too.
func parseWork(text string) (classes, folds int) {
	fold := false
	var before rune // the character before the current one, 0 if that is not known
	for rest := text; rest != ""; {
		if flags, ok := strings.CutPrefix(rest, "(?"); ok {
			end := len(flags) - len(strings.TrimLeft(flags, "imsU-"))
			fold = fold || strings.Contains(flags[:end], "i")
		}
		switch {
		case strings.HasPrefix(rest, `\p`), strings.HasPrefix(rest, `\P`):
			classes++
		case rest[0] == '\\' && len(rest) > 1 && strings.Contains("dDsSwW", rest[1:2]), strings.HasPrefix(rest, "[:"):
			folds += maxASCII - minFold
		}
		low, _, n := character(rest)
		if rest[0] == '-' && n < len(rest) {
			_, high, _ := character(rest[n:])
			folds += int(max(0, min(high, maxFold)-max(before, minFold)+1))
		}
		before, rest = low, rest[n:]
	}
	if !fold {
		folds = 0
	}
	return classes, folds
}

// character returns a lower and an upper bound of the first character of a pattern, which
// may be an escape, and how many bytes to go on by. Of other escapes than \x{...} these
// are the first two bytes: the digits that may follow are below minFold or make a
// difference of a few characters.
func character(text string) (low, high rune, n int) {
	r, n := utf8.DecodeRuneInString(text)
	if r != '\\' || n == len(text) {
		return r, r, n
	}
	if digits, ok := strings.CutPrefix(text, `\x{`); ok {
		digits, _, closed := strings.Cut(digits, "}")
		if i, err := strconv.ParseUint(digits, 16, 32); closed && err == nil && i <= unicode.MaxRune {
			return rune(i), rune(i), len(`\x{}`) + len(digits)
		}
	}
	_, n = utf8.DecodeRuneInString(text[1:])
	return 0, maxShortEscape, 1 + n
}

// programSize is an upper bound of the size of a compiled pattern.
type programSize struct {
	instructions int
	runes        int // instructions that match a character
	ranges       int // ranges of characters in these
	nullable     bool
}

// saturated is the largest value of the numbers of a programSize.
const saturated = 1 << 20

// times returns the size of n copies.
func (s programSize) times(n int) programSize {
	s.instructions = min(s.instructions*n, saturated)
	s.runes = min(s.runes*n, saturated)
	s.ranges = min(s.ranges*n, saturated)
	return s
}

// plus returns the size with the instructions of o.
func (s programSize) plus(o programSize) programSize {
	s.instructions = min(s.instructions+o.instructions, saturated)
	s.runes = min(s.runes+o.runes, saturated)
	s.ranges = min(s.ranges+o.ranges, saturated)
	return s
}

// onePassWork returns an upper bound of the sizes of all sets of ranges that package
// regexp merges to find out whether a pattern that starts with ^ is one-pass: at each
// instruction that matches no character, once for each that matches one. That is cubic
// in the size of the program.
func (s programSize) onePassWork() int64 {
	return int64(s.instructions-s.runes+1) * int64(s.runes+1) * int64(s.ranges)
}

// measure returns the size of a parsed pattern without expanding its repetitions. It
// counts the instructions that regexp/syntax emits for the simplified pattern. Where
// Simplify removes something, as in (?:a*){1}*, or no text can match, it counts more.
func measure(re *syntax.Regexp) programSize {
	empty := programSize{instructions: 1, nullable: true}
	switch re.Op {
	case syntax.OpLiteral:
		if len(re.Rune) == 0 {
			return empty
		}
		ranges := 1
		if re.Flags&syntax.FoldCase != 0 {
			ranges = 4 // no character has more than three others
		}
		return programSize{instructions: 1, runes: 1, ranges: ranges}.times(len(re.Rune))
	case syntax.OpCharClass:
		return programSize{instructions: 1, runes: 1, ranges: len(re.Rune) / 2}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return programSize{instructions: 1, runes: 1, ranges: 2}
	case syntax.OpCapture:
		s := measure(re.Sub[0])
		return s.plus(empty.times(2))
	case syntax.OpStar:
		return star(measure(re.Sub[0]))
	case syntax.OpPlus:
		return measure(re.Sub[0]).plus(empty)
	case syntax.OpQuest:
		s := measure(re.Sub[0]).plus(empty)
		s.nullable = true
		return s
	case syntax.OpRepeat:
		return repeat(measure(re.Sub[0]), re.Min, re.Max)
	case syntax.OpConcat:
		if len(re.Sub) == 0 {
			return empty
		}
		s := programSize{nullable: true}
		for _, sub := range re.Sub {
			o := measure(sub)
			s = s.plus(o)
			s.nullable = s.nullable && o.nullable
		}
		return s
	case syntax.OpAlternate:
		s := empty.times(max(len(re.Sub)-1, 0))
		s.nullable = false
		for _, sub := range re.Sub {
			o := measure(sub)
			s = s.plus(o)
			s.nullable = s.nullable || o.nullable
		}
		return s
	default: // assertions, the empty match, and what never matches
		return empty
	}
}

// star returns the size of x*, which is (x+)? where x can match the empty string.
func star(x programSize) programSize {
	loops := 1
	if x.nullable {
		loops = 2
	}
	x = x.plus(programSize{instructions: loops})
	x.nullable = true
	return x
}

// repeat returns the size of x{least,most}. most is -1 for x{least,}.
func repeat(x programSize, least, most int) programSize {
	switch {
	case most == 0:
		return programSize{instructions: 1, nullable: true}
	case most < 0 && least == 0:
		return star(x)
	case most < 0:
		return x.times(least).plus(programSize{instructions: 1})
	}
	s := x.times(most).plus(programSize{instructions: most - least})
	s.nullable = x.nullable || least == 0
	return s
}
