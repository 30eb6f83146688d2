package suggest

import (
	"errors"
	"testing"

	"github.com/spf13/cobra"
)

func TestNearFindsWhatWasMeant(t *testing.T) {
	names := []string{"consume", "produce", "bench", "run"}
	for word, want := range map[string]string{
		"consum": "consume", "prodcue": "produce", "con": "consume", "benhc": "bench", "rn": "run",
		"frob": "", "x": "", "": "", "consumption": "",
	} {
		if got := Near(word, names); got != want {
			t.Errorf("Near(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestHintNamesCommandsAndFlags(t *testing.T) {
	cmd := &cobra.Command{Use: "node"}
	cmd.AddCommand(&cobra.Command{Use: "consume", Run: func(*cobra.Command, []string) {}})
	cmd.Flags().Int("count", 0, "")
	for word, want := range map[string]string{
		"consum": "did you mean consume?", "--cuont=3": "did you mean --count?", "--frob": "see node --help", "frob": "see node --help",
	} {
		if got := Hint(cmd, word); got != want {
			t.Errorf("Hint(%q) = %q, want %q", word, got, want)
		}
	}
	if got := FlagHint(cmd, errors.New("unknown flag: --coun")); got != "did you mean --count?" {
		t.Errorf("FlagHint: %q", got)
	}
}
