package json_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/smalti/smalti/runtime/criteria"
	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/stream/codec/json"
)

type reading struct {
	Site string `json:"site"`
	Temp int64  `json:"temp"`
}

func TestValuesComeBackAndFieldsAreSeen(t *testing.T) {
	c := json.Codec[reading]{}
	want := reading{"a<b>\"&", math.MaxInt64}
	b, err := c.Append([]byte("before"), want)
	if err != nil || string(b[:6]) != "before" || b[len(b)-1] != '}' {
		t.Fatalf("got %q, %v", b, err)
	}
	if got, err := c.Decode(b[6:]); got != want || err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	expr, err := criteria.Compile(`site == "a<b>\"&" && temp == 9223372036854775807`)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := c.Fields(b[6:])
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := expr.Match(fields); !ok || err != nil {
		t.Errorf("got %t, %v", ok, err)
	}
}

func TestWhatIsNoJSONIsAnError(t *testing.T) {
	if _, err := (json.Codec[float64]{}).Append(nil, math.NaN()); err == nil {
		t.Error("NaN was encoded")
	}
	for _, bad := range []string{"", "{", "1 2", `{"temp": 1.5}`} {
		if v, err := (json.Codec[reading]{}).Decode([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v", bad, v)
		}
	}
}

func ExampleCodec() {
	readings := stream.Define("readings", stream.WithCodec[reading](json.Codec[reading]{}))
	fmt.Println(readings.Name())
	// Output: readings
}
