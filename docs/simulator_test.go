package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
)

// rows gives the rows of simulator.md that a pattern finds, as "usage: sentence".
func rows(t *testing.T, pattern string) (list []string) {
	t.Helper()
	data, err := os.ReadFile("simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(data), -1) {
		list = append(list, row[1]+": "+row[2])
	}
	return list
}

func TestStrategyListIsComplete(t *testing.T) {
	var want []string
	for _, k := range explore.List() {
		want = append(want, k.Usage+": "+k.Doc)
	}
	if diff := cmp.Diff(rows(t, "(?m)^- `([a-z]+(?::[^` ]+)?)`: (.+)$"), want); diff != "" {
		t.Errorf("strategies (-document +code):\n%s", diff)
	}
}

func TestFaultListIsComplete(t *testing.T) {
	var want []string
	for _, c := range fault.Classes() {
		want = append(want, c.Usage+": "+c.Doc)
	}
	if diff := cmp.Diff(rows(t, "(?m)^- `([a-z]+ [^`]+)`: (.+)$"), want); diff != "" {
		t.Errorf("faults (-document +code):\n%s", diff)
	}
}
