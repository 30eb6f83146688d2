// Package golden holds tests to bytes that are kept in files: what other versions
// of the product have said, and will say, over the wire, and runs to the hashes
// that they had. It is for tests.
package golden
