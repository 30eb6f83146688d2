// Package broken does not type-check.
package broken

var _ int = "no number"
