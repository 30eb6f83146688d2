package explore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/smalti/smalti/sim/explore"
)

func TestTextFormReadsBack(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "random",
		"random":                     "random",
		"fifo":                       "fifo",
		"lifo":                       "lifo",
		"pct:3":                      "pct:3",
		"delay:8":                    "delay:8",
		"starve":                     "starve:5ms",
		"starve+pct:3":               "starve:5ms+pct:3",
		"pct:3+starve:1ms":           "starve:1ms+pct:3",
		"random+lag":                 "lag:5ms",
		"delay:8+starve:9ms+lag:2ms": "lag:2ms+starve:9ms+delay:8",
	} {
		p, err := explore.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := p.String(); got != want {
			t.Errorf("%q prints as %q, want %q", text, got, want)
		}
		back, err := explore.Parse(p.String())
		if err != nil || back != p {
			t.Errorf("%q reads back as %v, %v", p, back, err)
		}
	}
}

func TestParseErrorsTellWhatIsWanted(t *testing.T) {
	for text, want := range map[string]string{
		"quick":         `no "quick", only random, fifo, lifo, pct:3`,
		"pct":           `"" is no number from 1 to 100; want for example "pct:3"`,
		"pct:0":         `"0" is no number from 1 to 100`,
		"pct:x":         `"x" is no number`,
		"delay:1001":    `from 1 to 1000`,
		"fifo:1":        `fifo: it takes nothing`,
		"fifo+lifo":     `lifo: it is an order, and so is fifo`,
		"random+fifo":   `it is an order, and so is random`,
		"lag+lag:2ms":   `lag: it stands twice`,
		"lag:0s":        `"0s" is no duration up to 100ms; want for example "lag:5ms"`,
		"starve:":       `"" is no duration`,
		"starve:101ms":  `no duration up to 100ms`,
		"fifo+":         `no ""`,
		" fifo":         `no " fifo"`,
		"starve, pct:3": `joined by +`,
	} {
		p, err := explore.Parse(text)
		if !errors.Is(err, explore.ErrSyntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want a syntax error with %q", text, p, err, want)
		}
	}
}

func TestEachKindIsReadAsItsUsageSays(t *testing.T) {
	for _, k := range explore.List() {
		p, err := explore.Parse(k.Usage)
		if err != nil || p.String() != k.Usage || !strings.HasPrefix(k.Usage, k.Name) || k.Doc == "" {
			t.Errorf("%+v: %v, %v", k, p, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, k := range explore.List() {
		f.Add(k.Usage)
	}
	f.Add("lag:2ms+starve:10ms+delay:8")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := explore.Parse(text)
		if err != nil {
			return
		}
		if back, err := explore.Parse(p.String()); err != nil || back != p {
			t.Errorf("%q prints as %q and reads back as %v, %v", text, p, back, err)
		}
	})
}
