package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark|Example)[A-Z][A-Za-z0-9_]*)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark|Example)[A-Z][A-Za-z0-9_]*)\(`)
)

// A document that says which test holds it to its word names one that there is.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	tests := map[string]bool{}
	named := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2 {
				return fs.SkipDir
			}
			return err
		}
		find := map[bool]*regexp.Regexp{true: testFunc, false: testName}[strings.HasSuffix(path, "_test.go")]
		if find == testName && filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range find.FindAllStringSubmatch(string(text), -1) {
			if find == testFunc {
				tests[m[1]] = true
			} else {
				named[m[1]] = append(named[m[1]], path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(named) < 20 {
		t.Errorf("only %d tests are named in documents; the pattern finds too few", len(named))
	}
	for name, where := range named {
		if !tests[name] {
			t.Errorf("%s: there is no test %s", strings.Join(slices.Compact(where), ", "), name)
		}
	}
}
