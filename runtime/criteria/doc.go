// Package criteria is the language in which a consumer says which datums of a
// stream it wants: a boolean expression over the datum's fields, in the syntax of
// Go's expressions, that every producer evaluates before it sends.
//
//	temp > 30 && site == "lab"
//	!(level < 3) || hasPrefix(host.name, "db-")
//	oneOf(kind, "open", "close") && len(tags) > 0
//
// Names are those of the datum's encoding, nested by dots. The name value stands
// for the whole datum, unless that has a field of this name; value["type"] and
// a["b-c"] reach names that are no Go identifiers. Literals are decimal, hex,
// octal and binary integers of 64 bits, floats, strings, true, false and nil.
// Operators are == != < <= > >= && || ! + and -; the functions are len, oneOf,
// contains, hasPrefix, hasSuffix and matches, whose pattern (RE2) is a literal.
// There is nothing else: no loops, no clock, no access to the producer.
//
// Integers are int64, and unsigned ones above that are compared exactly; sums
// that overflow are errors. Floats are only compared, exactly with integers too;
// NaN equals nothing and is neither above nor below anything. Text and byte
// strings are the same, and len counts bytes.
//
// An expression that errs on a datum, because a field is missing or of another
// type than the expression wants, does not match it. && and || do not look at
// their right side when the left one decides.
//
// # Failure
//
// Compile refuses what is not in the language with an *Error that names the
// column. What it costs is bounded, whether it accepts or refuses: at most some
// milliseconds and 1 MiB of allocations. Match has a bound on its cost: what exceeds
// it is an error like any other.
//
// # Concurrency
//
// A Criteria is immutable and may be used from anywhere.
package criteria
