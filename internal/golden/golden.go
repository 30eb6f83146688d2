package golden

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Dir is where the files of a package are.
const Dir = "testdata/golden"

// Message is one message: the file Name.hex has the bytes that the code must
// encode, and must read.
type Message struct {
	Name string
	// Bytes are what the code encodes.
	Bytes []byte
	// Read decodes the bytes of the file and compares what comes out.
	Read func(t *testing.T, b []byte)
}

// Check compares messages with the files of Dir, one for one. With -update it
// writes them instead.
func Check(t *testing.T, messages ...Message) {
	t.Helper()
	if *update {
		write(t, messages)
	}
	files := map[string]bool{}
	for _, m := range messages {
		if files[m.Name+".hex"] {
			t.Errorf("message %s stands twice", m.Name)
		}
		files[m.Name+".hex"] = true
		t.Run(m.Name, func(t *testing.T) {
			want := read(t, filepath.Join(Dir, m.Name+".hex"))
			if !bytes.Equal(m.Bytes, want) {
				t.Errorf("encodes to\n%swant\n%swhich other versions know; -update writes the file anew", text(m.Bytes), text(want))
			}
			m.Read(t, want)
		})
	}
	list, err := os.ReadDir(Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if !files[f.Name()] {
			t.Errorf("file %s has no message", f.Name())
		}
	}
}

// Lines compares lines of text with the file of Dir called name. With -update it
// writes the file instead. review says what it means that they differ.
func Lines(t *testing.T, name string, got []string, review string) {
	t.Helper()
	path := filepath.Join(Dir, name)
	if *update {
		if err := os.MkdirAll(Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	var diff strings.Builder
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			fmt.Fprintf(&diff, "- %s\n", want[i])
		case i >= len(want):
			fmt.Fprintf(&diff, "+ %s\n", got[i])
		case want[i] != got[i]:
			fmt.Fprintf(&diff, "- %s\n+ %s\n", want[i], got[i])
		}
	}
	if diff.Len() > 0 {
		t.Errorf("%s differs (- file, + code):\n%s\n%s", path, diff.String(), review)
	}
}

// Covered wants each field of the type of values set in one of them, so that a
// new field does not stay without a file.
func Covered[T any](t *testing.T, values ...T) {
	t.Helper()
	kind := reflect.TypeFor[T]()
	for i := range kind.NumField() {
		set := false
		for _, v := range values {
			set = set || !reflect.ValueOf(v).Field(i).IsZero()
		}
		if !set {
			t.Errorf("no file has the field %s of %s", kind.Field(i).Name, kind)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

func write(t *testing.T, messages []Message) {
	t.Helper()
	if err := os.RemoveAll(Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if err := os.WriteFile(filepath.Join(Dir, m.Name+".hex"), []byte(text(m.Bytes)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// text gives bytes as lines of hexadecimal digits.
func text(b []byte) string {
	const width = 48
	var s strings.Builder
	for line := range slices.Chunk(b, width) {
		s.WriteString(hex.EncodeToString(line) + "\n")
	}
	return s.String()
}
