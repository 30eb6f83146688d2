// Package constrained has another form for another machine.
package constrained
