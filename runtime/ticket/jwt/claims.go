package jwt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"
)

// maxDate is the last second of the year 9999, in Unix seconds.
const maxDate = 253402300799

var errJSON = errors.New("malformed JSON")

// distinct refuses a value in which a name comes twice, however deep: two readers
// might take different ones.
func distinct(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return errJSON
	}
	open, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	names := map[string]bool{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			name, ok := t.(string)
			if err != nil || !ok {
				return errJSON
			}
			if names[name] {
				return fmt.Errorf("%q comes twice: %w", name, errJSON)
			}
			names[name] = true
		}
		if err := distinct(d); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return errJSON
	}
	return nil
}

// object reads a JSON object whose names, and those within, are distinct.
func object(data []byte) (map[string]json.RawMessage, error) {
	if err := distinct(json.NewDecoder(bytes.NewReader(data))); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errJSON
	}
	fields := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errJSON
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, errJSON
		}
		fields[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return nil, errJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errJSON
	}
	return fields, nil
}

// claims are what a token says. Dates that it does not say are the zero time.
type claims struct {
	issuer, subject, id string
	audience            []string
	peer                string // of the confirmation
	confirms            bool
	expires, notBefore  time.Time
	issuedAt            time.Time
	all                 map[string]json.RawMessage
}

func parseClaims(data []byte) (c claims, err error) {
	if c.all, err = object(data); err != nil {
		return c, err
	}
	named := map[string]*string{"iss": &c.issuer, "sub": &c.subject, "jti": &c.id}
	for _, name := range []string{"iss", "sub", "jti"} {
		if raw, ok := c.all[name]; ok {
			if *named[name], err = text(raw); err != nil {
				return c, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	dates := map[string]*time.Time{"exp": &c.expires, "nbf": &c.notBefore, "iat": &c.issuedAt}
	for _, name := range []string{"exp", "nbf", "iat"} {
		if raw, ok := c.all[name]; ok {
			if *dates[name], err = date(raw); err != nil {
				return c, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if raw, ok := c.all["aud"]; ok {
		if c.audience, err = texts(raw); err != nil {
			return c, fmt.Errorf("aud: %w", err)
		}
	}
	if raw, ok := c.all["cnf"]; ok {
		cnf, err := object(raw)
		if err != nil {
			return c, fmt.Errorf("cnf: %w", err)
		}
		if peer, ok := cnf["peer"]; ok {
			c.confirms = true
			if c.peer, err = text(peer); err != nil {
				return c, fmt.Errorf("cnf.peer: %w", err)
			}
		}
	}
	return c, nil
}

func text(raw json.RawMessage) (s string, err error) {
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", fmt.Errorf("no string: %w", errJSON)
	}
	return s, nil
}

// texts reads a string or a list of strings.
func texts(raw json.RawMessage) ([]string, error) {
	if len(raw) > 0 && raw[0] == '"' {
		s, err := text(raw)
		return []string{s}, err
	}
	var parts []json.RawMessage
	if len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &parts) != nil {
		return nil, fmt.Errorf("neither a string nor a list of them: %w", errJSON)
	}
	list := make([]string, len(parts))
	for i, p := range parts {
		var err error
		if list[i], err = text(p); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// date reads Unix seconds: an integer in decimal, without sign, fraction or
// exponent, so that no reader takes it for another moment.
func date(raw json.RawMessage) (time.Time, error) {
	for _, c := range raw {
		if c < '0' || c > '9' {
			return time.Time{}, fmt.Errorf("%s is no date: want seconds as a decimal integer: %w", raw, errJSON)
		}
	}
	seconds, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || seconds > maxDate {
		return time.Time{}, fmt.Errorf("%s is no date: want 0 to %d: %w", raw, int64(maxDate), errJSON)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// same tells whether two JSON values are equal: whatever their spaces and the
// order of names, but numbers digit for digit.
func same(a, b json.RawMessage) bool {
	var x, y any
	return decode(a, &x) && decode(b, &y) && reflect.DeepEqual(x, y)
}

func decode(raw json.RawMessage, x *any) bool {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	return d.Decode(x) == nil
}
