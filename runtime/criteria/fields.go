package criteria

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/smalti/smalti/runtime/wire"
)

// Fielder is a codec that shows the fields of what it encodes, so that criteria
// can look into it.
type Fielder interface {
	// Fields decodes an encoding into map[string]any, []any, string, []byte,
	// int64, uint64, float64, bool and nil. The error says that it cannot be
	// read. It must be safe for concurrent use.
	Fields(data []byte) (any, error)
}

// DecodeCBOR gives the fields of a datum in CBOR. Keys that are integers have
// their decimal form as name.
func DecodeCBOR(data []byte) (any, error) {
	var x any
	if err := wire.Unmarshal(data, wire.MaxDatum, &x); err != nil {
		return nil, err
	}
	return plain(x)
}

// DecodeJSON gives the fields of a datum in JSON. Numbers without fraction and
// exponent are integers, if they fit 64 bits.
func DecodeJSON(data []byte) (any, error) {
	if len(data) > wire.MaxDatum {
		return nil, fmt.Errorf("decode JSON: %d bytes, at most %d: %w", len(data), wire.MaxDatum, wire.TooLarge)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("decode JSON: something follows the value: %w", wire.ErrDecode)
	}
	return plain(x)
}

// plain turns what the decoders give into what a Fielder gives. They bound how
// deep it is nested.
func plain(x any) (any, error) {
	switch x := x.(type) {
	case map[any]any:
		m := make(map[string]any, len(x))
		for k, v := range x { //lint:ordered a map is made of a map
			name, err := key(k)
			if err != nil {
				return nil, err
			}
			if _, twice := m[name]; twice {
				return nil, fmt.Errorf("two keys are called %s: %w", name, wire.ErrDecode)
			}
			if m[name], err = plain(v); err != nil {
				return nil, err
			}
		}
		return m, nil
	case map[string]any:
		for k, v := range x { //lint:ordered each value is replaced in its place
			var err error
			if x[k], err = plain(v); err != nil {
				return nil, err
			}
		}
		return x, nil
	case []any:
		for i, v := range x {
			var err error
			if x[i], err = plain(v); err != nil {
				return nil, err
			}
		}
		return x, nil
	case uint64:
		if x <= math.MaxInt64 {
			return int64(x), nil
		}
		return x, nil
	case json.Number:
		return number(string(x))
	default:
		return x, nil
	}
}

func key(k any) (string, error) {
	switch k := k.(type) {
	case string:
		return k, nil
	case int64:
		return strconv.FormatInt(k, 10), nil
	case uint64:
		return strconv.FormatUint(k, 10), nil
	default:
		return "", fmt.Errorf("key of type %T: %w", k, ErrType)
	}
}

func number(s string) (any, error) {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return u, nil
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("number %s: %w", s, ErrOverflow)
	}
	return f, nil
}
