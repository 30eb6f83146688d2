package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPitfallsAreKept checks that every known fault has its row, and that each row
// names a test, and a line of code or a reason.
func TestPitfallsAreKept(t *testing.T) {
	text, err := os.ReadFile("pitfalls.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for i := range 39 {
		want = append(want, fmt.Sprintf("C%d", i+1))
	}
	for i := range 22 {
		want = append(want, fmt.Sprintf("D%d", i+1))
	}
	for i := range 8 {
		want = append(want, fmt.Sprintf("T%d", i+1))
	}
	code := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), "|")
		if len(cells) != 6 || !regexp.MustCompile(`^ [CDT][0-9]+ $`).MatchString(cells[1]) {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		id := cells[1]
		got = append(got, id)
		kept, broken := code.FindAllStringSubmatch(cells[3], -1), code.FindAllStringSubmatch(cells[4], -1)
		if len(kept) != 2 || !declares(t, kept[0][1], kept[1][1]) {
			t.Errorf("%s: no test %s", id, cells[3])
		}
		switch {
		case cells[2] == "":
			t.Errorf("%s promises nothing", id)
		case strings.HasPrefix(cells[4], "Impossible by construction: "):
		case len(broken) < 2 || !holds(t, broken[0][1], broken[1][1]):
			t.Errorf("%s: no such line: %s", id, cells[4])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
}

// declares tells whether a package has a test.
func declares(t *testing.T, pkg, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(f string) bool {
		data, err := os.ReadFile(f)
		return err == nil && strings.Contains(string(data), "func "+test+"(t *testing.T)")
	})
}

// holds tells whether a file has a line.
func holds(t *testing.T, file, line string) bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", file))
	if err != nil {
		t.Error(err)
	}
	return strings.Contains(string(data), line)
}
