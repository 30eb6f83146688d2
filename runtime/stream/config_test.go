package stream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/smalti/smalti/runtime/stream"
	"github.com/smalti/smalti/runtime/wire"
)

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	for what, c := range map[string]struct {
		config interface{ Validate() error }
		faults int
	}{
		"zero producer":             {stream.ProducerConfig{}, 0},
		"zero consumer":             {stream.ConsumerConfig{}, 0},
		"largest producer":          {stream.ProducerConfig{Queue: 1 << 20, MaxDatum: wire.MaxDatum, MaxConsumers: 2, Online: stream.AtLeast(2)}, 0},
		"largest consumer":          {stream.ConsumerConfig{Queue: 1 << 20, Backoff: stream.Backoff{First: time.Second, Max: time.Second}}, 0},
		"offline with many":         {stream.ProducerConfig{MaxConsumers: 2, Online: stream.AtLeast(3).Not()}, 0},
		"queue":                     {stream.ProducerConfig{Queue: 1<<20 + 1}, 1},
		"negative queue":            {stream.ProducerConfig{Queue: -1}, 1},
		"bytes":                     {stream.ProducerConfig{QueueBytes: -1}, 1},
		"datum":                     {stream.ProducerConfig{MaxDatum: wire.MaxDatum + 1}, 1},
		"negative datum":            {stream.ProducerConfig{MaxDatum: -1}, 1},
		"consumers":                 {stream.ProducerConfig{MaxConsumers: -1}, 2}, // and it is never online
		"of a peer":                 {stream.ProducerConfig{MaxPerPeer: -1}, 1},
		"time-outs":                 {stream.ProducerConfig{BlockMax: -1, DrainMax: 0}, 1},
		"time-out of a close":       {stream.ProducerConfig{DrainMax: -1}, 1},
		"never online":              {stream.ProducerConfig{MaxConsumers: 2, Online: stream.AtLeast(3)}, 1},
		"round trip":                {stream.ProducerConfig{RTTBelow: -1}, 1},
		"consumer's queue":          {stream.ConsumerConfig{Queue: 1<<20 + 1}, 1},
		"consumer's negative queue": {stream.ConsumerConfig{Queue: -1}, 1},
		"consumer's bytes":          {stream.ConsumerConfig{QueueBytes: -1}, 1},
		"consumer's round trip":     {stream.ConsumerConfig{RTTBelow: -1}, 1},
		"back-off that shrinks":     {stream.ConsumerConfig{Backoff: stream.Backoff{First: 2, Max: 1}}, 1},
		"negative back-off":         {stream.ConsumerConfig{Backoff: stream.Backoff{Max: -1}}, 2},
		"negative first":            {stream.ConsumerConfig{Backoff: stream.Backoff{First: -1}}, 1},
		"negative patience":         {stream.ConsumerConfig{Backoff: stream.Backoff{GiveUp: -1}}, 1},
		"criteria":                  {stream.ConsumerConfig{Criteria: "1 +"}, 1},
		"several faults of a side":  {stream.ConsumerConfig{Queue: -1, RTTBelow: -1, Criteria: "1 +"}, 3},
	} {
		err := c.config.Validate()
		n := 0
		if joined, ok := errors.AsType[interface {
			error
			Unwrap() []error
		}](err); ok {
			n = len(joined.Unwrap())
		}
		if n != c.faults || (err != nil) != errors.Is(err, stream.ErrConfig) {
			t.Errorf("%s: got %v, want %d faults", what, err, c.faults)
		}
	}
}
