package criteria

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/wire"
)

// cases reads the golden file, which gives the same results on every machine.
func cases(t testing.TB) (list [][3]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.Split(strings.ReplaceAll(line, `\|\|`, "\x00"), " | ")
		if len(parts) != 3 {
			t.Fatalf("malformed line %q", line)
		}
		list = append(list, [3]string{strings.ReplaceAll(parts[0], "\x00", "||"), parts[1], parts[2]})
	}
	return list
}

func TestExpressionsMeanTheSameOnEveryMachine(t *testing.T) {
	for _, c := range cases(t) {
		expr, err := Compile(c[0])
		if err != nil {
			t.Errorf("%s: %v", c[0], err)
			continue
		}
		fields, err := DecodeJSON([]byte(c[1]))
		if err != nil {
			t.Fatal(err)
		}
		ok, err := expr.Match(fields)
		got := fmt.Sprint(ok)
		for _, sentinel := range []error{ErrField, ErrType, ErrOverflow, ErrCost} {
			if errors.Is(err, sentinel) {
				got = sentinel.Error()
			}
		}
		if got != c[2] || err != nil && ok {
			t.Errorf("%s of %s: got %s (%v), want %s", c[0], c[1], got, err, c[2])
		}
	}
}

func TestWhatIsNotInTheLanguageIsRefusedWithItsColumn(t *testing.T) {
	for expr, column := range map[string]int{
		"": 1, "a &&": 5, "a = 1": 3, "a > 1; b": 6, "a\n> 1": 2, "f(a)": 1, "a.f(b)": 1, "a[1] == 2": 3, "a[b] == 2": 3, "a[1:2] == 2": 1,
		"func() bool { return true }()": 1, "a.(int) == 1": 1, "[]int{1} == a": 1, "*a == 1": 1, "&a == 1": 1, "^a == 1": 1, "a * 2 == 4": 3,
		"a << 2 == 4": 3, "'c' == a": 1, "1i == a": 1, "a + 1": 1, `"text"`: 1, "1 && a": 1, "a && 1": 6, `!"x"`: 2, `-"x" == a`: 2, `a + "x" == b`: 5,
		`1 == "x"`: 3, "true < false": 6, "nil < a": 5, "99999999999999999999 == a": 1, "-9223372036854775809 == a": 2, "1e999 > a": 1,
		"len()": 1, "len(a, b) == 1": 1, "oneOf(a)": 1, "matches(a, b)": 12, `matches(a, "(")`: 12, `matches(a, "(a{1000}){1000}")`: 12,
		`matches(a, "a{900}b{900}")`: 12, `hasPrefix(a, 1)`: 14, "oneOf(a...)": 1, "_ == 1": 1, "true.a == 1": 1, "(a).b.c == len": 1,
		"a == \xff": 1,
	} {
		_, err := Compile(expr)
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, wire.BadCriteria) {
			t.Errorf("%s: got %v, want an Error", expr, err)
			continue
		}
		if e.Column != column && expr != "(a).b.c == len" {
			t.Errorf("%s: %v, want column %d", expr, err, column)
		}
	}
	if _, err := Compile(strings.Repeat(" ", 10) + strings.Repeat("a", MaxSource) + " "); err != nil {
		t.Errorf("an expression of the largest size: %v", err)
	}
	if _, err := Compile(strings.Repeat("a", MaxSource+1)); err == nil {
		t.Error("an expression that is too long is taken")
	}
}

func TestNaNIsNeitherEqualNorOrdered(t *testing.T) {
	for expr, want := range map[string]bool{
		"x == x": false, "x != x": true, "x < 1": false, "x >= 1": false, "x == 1": false, "x > 1.5": false, "contains(l, x)": false,
	} {
		c, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := c.Match(map[string]any{"x": math.NaN(), "l": []any{math.NaN()}})
		if ok != want || err != nil {
			t.Errorf("%s: got %t, %v; want %t", expr, ok, err, want)
		}
	}
}

func TestCostIsBounded(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	fields := map[string]any{"s": long, "l": make([]any, 1<<20)}
	for _, expr := range []string{
		`matches(s, "a*b")`, `matches(s, "(a|a)*$")`, `contains(l, 1) || contains(l, 1)`,
		strings.TrimSuffix(strings.Repeat(`contains(s, "b")||`, MaxSource/18), "||") + `||contains(l, 1)`,
	} {
		c, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Match(fields); !errors.Is(err, ErrCost) {
			t.Errorf("%.40s: got %v, want %v", expr, err, ErrCost)
		}
	}
}

func TestFieldsOfCBORHaveTheNamesOfTheEncoding(t *testing.T) {
	data := wire.MustMarshal(struct {
		Temp  int            `cbor:"temp"`
		Big   uint64         `cbor:"big"`
		Raw   []byte         `cbor:"raw"`
		Seven string         `cbor:"7,keyasint"`
		Map   map[string]any `cbor:"map"`
	}{31, math.MaxUint64, []byte("bytes"), "seven", map[string]any{"list": []int{1, 2}}})
	fields, err := DecodeCBOR(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, expr := range []string{
		`temp == 31`, `big > 9223372036854775807`, `raw == "bytes" && len(raw) == 5`, `value["7"] == "seven"`,
		`contains(value["map"].list, 2)`,
	} {
		c, err := Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := c.Match(fields); !ok || err != nil {
			t.Errorf("%s: got %t, %v", expr, ok, err)
		}
	}
	for what, bad := range map[string][]byte{"half": data[:5], "two keys of one name": {0xa2, 1, 1, 0x61, '1', 2}, "list as key": {0xa1, 0x80, 1}} {
		if x, err := DecodeCBOR(bad); err == nil {
			t.Errorf("%s: got %v", what, x)
		}
	}
	for _, bad := range []string{"{", "1 2", "1e999", ""} {
		if x, err := DecodeJSON([]byte(bad)); err == nil {
			t.Errorf("%s: got %v", bad, x)
		}
	}
}

// FuzzMatch: every accepted expression ends within the cost limit, on whatever
// datum, and means the same when it is compiled again.
func FuzzMatch(f *testing.F) {
	for _, c := range cases(f) {
		f.Add(c[0], []byte(c[1]))
	}
	for _, h := range hostile() {
		f.Add(h[0], []byte(`{"a": 1, "s": "abc"}`))
	}
	f.Fuzz(func(t *testing.T, source string, datum []byte) {
		c, err := Compile(source)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Column < 1 || e.Column > max(len(source), 1)+1 {
				t.Fatalf("%q: %v", source, err)
			}
			return
		}
		fields, err := DecodeJSON(datum)
		if err != nil {
			if fields, err = DecodeCBOR(datum); err != nil {
				return
			}
		}
		m := machine{datum: fields, cost: maxCost}
		v, err := c.root(&m)
		if m.cost < 0 && !errors.Is(err, ErrCost) {
			t.Fatalf("%q costs %d too much: %v", source, -m.cost, err)
		}
		again, err2 := Compile(c.String())
		if err2 != nil {
			t.Fatalf("%q does not compile again: %v", c.String(), err2)
		}
		ok, err3 := again.Match(fields)
		if err == nil && v.kind == kindBool && (err3 != nil || ok != v.b) {
			t.Fatalf("%q: %t, then %t, %v", source, v.b, ok, err3)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	c, err := Compile(`temp > 30 && site == "lab" && oneOf(kind, "open", "close")`)
	if err != nil {
		b.Fatal(err)
	}
	fields := map[string]any{"temp": int64(31), "site": "lab", "kind": "close"}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.Match(fields); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
