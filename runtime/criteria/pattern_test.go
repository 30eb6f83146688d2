package criteria

import (
	"errors"
	"fmt"
	"regexp/syntax"
	goruntime "runtime"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/wire"
)

// hostile are expressions that cost much to compile without limits, each of at most
// MaxSource bytes, and a part of the refusal, "" if they are accepted.
func hostile() map[string][2]string {
	const instructions, together = "instructions, at most 1024", "instructions, at most 4096"
	const classes, folds = "classes such as", "case-insensitive patterns, at most"
	repeat := func(start, unit, end string) string {
		return start + strings.Repeat(unit, (MaxSource-len(start)-len(end))/len(unit)) + end
	}
	pattern := func(start, unit, end string) string { return repeat("matches(s,`"+start, unit, end+"`)") }
	several := func(unit string) string { return repeat("", "matches(s,`"+unit+"`)||", "a") }
	var optional, alternatives strings.Builder
	for i := range rune(300) {
		fmt.Fprintf(&optional, "%c?", 0x100+2*i)
		fmt.Fprintf(&alternatives, "%c0|", 0x100+2*i)
	}
	return map[string][2]string{
		"repetitions":           {pattern("", ".{0,1000}", ""), instructions},
		"long repetitions":      {pattern("", "(?:a{1000})", ""), instructions},
		"repeated repetitions":  {pattern("", "((((a{5}){5}){5}){5})", ""), instructions},
		"many patterns":         {several(".{999}"), together},
		"the most instructions": {strings.TrimSuffix(strings.Repeat("matches(s,`a{0,500}`)||", 4), "||"), ""},
		"the most of all": {
			"matches(s,`(?i)[A-\u0dff]" + strings.Repeat("[\u0100-\u0dff]", 4) + strings.Repeat(`\pL|\pC|`, 4) +
				strings.Repeat(`\w`, 70) + strings.Repeat("a?", 300) + "`)", "",
		},
		"patterns of classes":      {several(`\pL{999}`), together},
		"case-insensitive classes": {pattern("(?i)", `\pL`, ""), classes},
		"classes":                  {pattern("", `\pL`, ""), classes},
		"negated classes":          {pattern("", `\P{L}`, ""), classes},
		"classes in brackets":      {pattern("[", `\pC\pL`, "]"), classes},
		"alternatives of classes":  {pattern("", `\pL|`, "x"), classes},
		"the most classes":         {"matches(s,`" + strings.Repeat(`\pL|\pC|`, 4) + "x`)", ""},
		"patterns with a class":    {several(`(?i)\pL`), classes},
		"one class repeated":       {"matches(s,`^\\pL{990}`)", ""},
		"one wide range":           {"matches(s,`(?i)[B-\U0001e942]`)", folds},
		"wide ranges":              {pattern("(?i)[", "B-\U0001e942", "]"), folds},
		"brackets of wide ranges":  {pattern("(?i)", "[B-\U0001e942]", ""), folds},
		"patterns of wide ranges":  {several("(?i)[B-\U0001e942]"), folds},
		"wide ranges in hex":       {pattern("(?s-m:(?mi)[", `\x{100}-\x{1e900}`, "])"), folds},
		"escaped backslashes":      {pattern("(?i)[", `\\x{9fa5}-龥`, "]"), folds},
		"ranges in octal":          {pattern("(?i)[", `A-\777`, "]"), folds},
		"Perl classes":             {pattern("(?i)", `\w`, ""), folds},
		"one-pass":                 {"matches(s,`^" + optional.String() + "$`)", ""},
		"repeated one-pass":        {"matches(s,`^(?:" + optional.String()[:300] + "Z){4}$`)", ""},
		"one-pass alternatives":    {"matches(s,`^(?:" + alternatives.String()[:900] + "x)`)", ""},
		"patterns of one-pass":     {several("^a?b?c?d?e?f?g?"), ""},
		"loops":                    {pattern("", "a*", ""), ""},
		"empty alternatives":       {pattern("", "|", ""), ""},
		"groups":                   {"matches(s,`" + strings.Repeat("(", 490) + strings.Repeat(")", 490) + "`)", ""},
		"empty patterns":           {several(""), ""},
		"parentheses":              {strings.Repeat("(", 511) + "a" + strings.Repeat(")", 511), ""},
		"open parentheses":         {strings.Repeat("(", MaxSource), "expected operand"},
		"open brackets":            {strings.Repeat("[", MaxSource), "expected operand"},
		"negations":                {strings.Repeat("!", MaxSource-1) + "a", ""},
		"sums":                     {repeat("", "a+", "a==1"), ""},
		"list":                     {repeat("oneOf(", "1,", "1)"), ""},
		"list of strings":          {repeat("oneOf(", `"",`, `"")`), ""},
		"calls":                    {strings.Repeat("oneOf(a,", 113) + "a" + strings.Repeat(")", 113), ""},
		"escapes":                  {repeat(`"`, `\x41`, `"==a`), ""},
		"digits":                   {repeat("", "9", ".1e-999==a"), ""},
		"illegal characters":       {strings.Repeat("$", MaxSource), "illegal character"},
	}
}

func TestCompilingAHostileExpressionAllocatesLittle(t *testing.T) {
	const most = 1 << 20
	for name, h := range hostile() {
		expr, refusal := h[0], h[1]
		if len(expr) > MaxSource {
			t.Fatalf("%s: %d bytes", name, len(expr))
		}
		var before, after goruntime.MemStats
		goruntime.ReadMemStats(&before)
		_, err := Compile(expr)
		goruntime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > most {
			t.Errorf("%s: allocated %d KiB, at most %d KiB", name, n>>10, most>>10)
		}
		switch {
		case refusal == "" && err != nil:
			t.Errorf("%s: refused: %v", name, err)
		case refusal != "" && (!errors.Is(err, wire.BadCriteria) || !strings.Contains(err.Error(), refusal)):
			t.Errorf("%s: got error %v, want %q", name, err, refusal)
		}
	}
}

func TestThePatternThatExceedsALimitOfTheExpressionIsNamedByItsColumn(t *testing.T) {
	for expr, column := range map[string]int{
		`matches(a, "a{1000}") && matches(a, "b{1000}")`:                                  0,
		strings.Repeat(`matches(a, "a{1000}")||`, 4) + `matches(a, "b{1000}")`:            4*23 + 12,
		`matches(a, "\\pL\\pL\\pL\\pL") && !matches(a, "\\pL\\pL\\pL\\pL\\pL")`:           47,
		`matches(a, "(?i)[\u0400-\u4fff]") && len(a) > 1 && matches(a, "(?i)[一-\u9fa5]")`: 63,
		`matches(a, "[\u0400-\u4fff]") && len(a) > 1 && matches(a, "(?i)[一-\u9fa5]")`:     0,
	} {
		_, err := Compile(expr)
		var e *Error
		if errors.As(err, &e) != (column > 0) || column > 0 && e.Column != column {
			t.Errorf("%s: got error %v, want column %d", expr, err, column)
		}
	}
}

// checkMeasure compares measure with the program that regexp/syntax compiles.
func checkMeasure(t *testing.T, text string, exact bool) {
	t.Helper()
	classes, folds := parseWork(text)
	if len(text) > MaxSource || classes > maxClasses || folds > maxFolds {
		return
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return
	}
	most := measure(parsed).instructions + 2
	if most > maxPrograms {
		return
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(program.Inst); n > most || exact && n != most {
		t.Errorf("%q: measured %d instructions, the program has %d", text, most, n)
	}
}

var patterns = []string{
	"", "a", "abc", "(?i)abc", "^/api/v[12]/", "a*", "(?:a?)*", "(a*)*", "(a|)+", "a|bc|d", "(?:|a)?", ".{0,1000}",
	"a{3}", "a{3,}", "a{1,}", "a{0,}", "(?:a?){0,}", "a{2,7}", "(a{2}){3,4}", "((a{5}){5,6}){7}", "(?:a|b?){4}", "(?:){5}",
	"(?s).", `\b\B\A\z`, `(?m)^a$`, `\pL{9}`, `[^a]+?`, "a{0}", "a??", "(?U)a*", "(?i)k{3}", "a{0,1}",
}

func TestMeasureCountsTheInstructionsOfPatterns(t *testing.T) {
	for _, p := range patterns {
		checkMeasure(t, p, true)
	}
	// What Simplify removes, and what matches nothing, may count more.
	for _, p := range []string{"(?:a*){1}*", "(?:a{0}){3}*", `[^\x00-\x{10FFFF}]{9}a`, `(?:[^\x00-\x{10FFFF}]|a)*`} {
		checkMeasure(t, p, false)
	}
}

// FuzzMeasure checks that no pattern has more instructions than measure counts.
func FuzzMeasure(f *testing.F) {
	for _, p := range patterns {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, text string) { checkMeasure(t, text, false) })
}

func TestAPatternThatIsNotAnalyzedMeansTheSame(t *testing.T) {
	big := strings.Repeat("a?b?", 60)
	for pattern, want := range map[string]bool{
		"^(" + big + ")$": true, "^(" + big + ")x": false, "^x|^(" + big + ")": true, "(?i)^A" + big: true, big + `\Qb`: true,
	} {
		c, err := Compile("matches(s,`" + pattern + "`)")
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := c.Match(map[string]any{"s": "abab"}); ok != want || err != nil {
			t.Errorf("%.30s: got %t, %v; want %t", pattern, ok, err, want)
		}
	}
}

func BenchmarkCompileHostile(b *testing.B) {
	for name, h := range hostile() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Compile(h[0]) //nolint:errcheck // some are refused
			}
		})
	}
}
