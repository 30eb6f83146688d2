// Package next is the next version of the protocol, as far as there is any: it says
// what this version does, and in each place where it may, something more. It is for
// tests and simulations of networks in which versions are mixed; nothing of the
// product imports it.
package next
