package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/smalti/smalti/runtime/criteria"
)

func TestExamplesOfCriteriaCompile(t *testing.T) {
	text, err := os.ReadFile("criteria.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```criteria\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("criteria.md has no examples")
	}
	for _, b := range blocks {
		for line := range strings.Lines(b[1]) {
			if _, err := criteria.Compile(line); err != nil {
				t.Errorf("%s%v", line, err)
			}
		}
	}
}
