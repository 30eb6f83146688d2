package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/smalti/smalti/runtime/ident"
	"github.com/smalti/smalti/runtime/wire"
)

// maxSecretFile bounds a key or secret file, in bytes: 64 digits and some
// white space.
const maxSecretFile = 1 << 10

// readKey reads a key file that only its owner can read.
func readKey(path string) (ident.Key, error) {
	const hint = "make one with node keygen --out FILE"
	var key ident.Key
	err := readSecret(path, "key file", hint, func(text string) (err error) {
		key, err = ident.ParseKey(text)
		return err
	})
	return key, err
}

// readNetworkSecret reads a file of 64 hexadecimal digits that only its owner
// can read.
func readNetworkSecret(path string) (wire.Secret, error) {
	const hint = "make one with (umask 077; openssl rand -hex 32 >FILE)"
	var secret wire.Secret
	err := readSecret(path, "secret file", hint, func(text string) error {
		bytes, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil || len(bytes) != len(secret) {
			return fmt.Errorf("want %d hexadecimal digits", 2*len(secret))
		}
		secret = wire.Secret(bytes)
		return nil
	})
	return secret, err
}

// readSecret reads a small file and has it parsed, unless others than its owner can read it.
// What is no such file at all is not told to change its mode.
func readSecret(path, what, hint string, parse func(string) error) error {
	f, err := os.Open(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			hint = "check its owner and mode"
		}
		return badInput(hint, "read %s: %w", what, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return badInput(hint, "read %s: %w", what, err)
	}
	if info.IsDir() {
		return badInput(hint, "read %s: %s is a directory", what, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return badInput("check the file", "read %s: %w", what, err)
	}
	if len(text) > maxSecretFile {
		return badInput(hint, "%s is no %s: it is larger than %d bytes", path, what, maxSecretFile)
	}
	if err := parse(string(text)); err != nil {
		return badInput(hint, "%s is no %s: %w", path, what, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return badInput("chmod 600 "+path, "%s %s has mode %04o, so that others can read or change it", what, path, mode)
	}
	return nil
}

// writeKey makes a key file of mode 0600. It appears whole or not at all, and
// never takes the place of another.
func writeKey(path string, key ident.Key) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".node-key-*") // mode 0600
	if err != nil {
		return badInput("name a directory that exists and that you can write to", "write key file: %w", cause(err))
	}
	defer func() {
		err = errors.Join(err, os.Remove(f.Name()))
	}()
	_, err = f.WriteString(key.Format())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return failed("free some space or choose another directory", "write key file: %w", err)
	}
	// A link, unlike a rename, fails if the name is taken.
	if err := os.Link(f.Name(), path); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return badInput("choose another name, or remove the file if nothing uses its key", "write key file: %s exists", path)
		}
		return failed("choose another directory", "write key file %s: %w", path, cause(err))
	}
	return nil
}

// cause leaves out the temporary name that an error of package os carries.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", filepath.Dir(path.Path), path.Err)
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
