// Package golden holds tests to bytes that are kept in files: what other versions
// of the product have said, and will say, over the wire. It is for tests.
package golden
