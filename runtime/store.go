package runtime

import "github.com/smalti/smalti/runtime/wire"

// MaxStoreValue is the largest value that a Store keeps, in bytes.
const MaxStoreValue = 1 << 20

// Store keeps small named values. Names are lower-case words joined by dashes.
// Its methods may be called from any strand.
type Store interface {
	// Get reads a value; one that was never put is fs.ErrNotExist. The caller
	// owns the result.
	Get(name string) ([]byte, error)
	// Put replaces a value atomically: whoever reads sees the old or the new
	// one, whole. It is durable when done runs, on s. The store keeps data;
	// it must not be modified. More than MaxStoreValue bytes are refused with
	// ErrTooLarge.
	Put(s Strand, name string, data []byte, done func(error))
}

// ErrTooLarge is the reason for a value over MaxStoreValue and for a message
// over its link's limit.
const ErrTooLarge = wire.TooLarge
