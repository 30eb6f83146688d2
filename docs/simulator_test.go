package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/smalti/smalti/sim/explore"
	"github.com/smalti/smalti/sim/fault"
)

func TestStrategyListIsComplete(t *testing.T) {
	data, err := os.ReadFile("simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^- `([a-z]+(?::[^` ]+)?)`: (.+)$").FindAllStringSubmatch(string(data), -1) {
		got = append(got, row[1]+": "+row[2])
	}
	for _, k := range explore.List() {
		want = append(want, k.Usage+": "+k.Doc)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("strategies (-document +code):\n%s", diff)
	}
}

func TestFaultListIsComplete(t *testing.T) {
	data, err := os.ReadFile("simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^- `([a-z]+ [^`]+)`: (.+)$").FindAllStringSubmatch(string(data), -1) {
		got = append(got, row[1]+": "+row[2])
	}
	for _, c := range fault.Classes() {
		want = append(want, c.Usage+": "+c.Doc)
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("faults (-document +code):\n%s", diff)
	}
}
