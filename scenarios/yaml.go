package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
)

// MaxFile bounds a scenario file, in bytes.
const MaxFile = 4 << 20

// Format prints s as YAML.
func (s Scenario) Format() []byte {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(s); err != nil {
		panic(err) // plain data
	}
	return b.Bytes()
}

// Parse reads a scenario that Format printed or somebody wrote. Unknown keys
// are errors.
func Parse(data []byte) (Scenario, error) {
	var s Scenario
	if len(data) > MaxFile {
		return s, fmt.Errorf("parse scenario: %d bytes, at most %d: %w", len(data), MaxFile, ErrInvalid)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil {
		return s, fmt.Errorf("parse scenario: %w: %w", err, ErrInvalid)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("parse scenario: more than one document: %w", ErrInvalid)
	}
	return s, nil
}
