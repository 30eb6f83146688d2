package main

import (
	"bufio"
	"errors"
	"io"
)

// errLineTooLong: a line exceeds the limit of its reader.
var errLineTooLong = errors.New("line too long")

// lines reads lines of bounded length. The bytes before \n are the line,
// whatever they are; what follows the last \n is a line too unless it is empty.
type lines struct {
	r    *bufio.Reader
	max  int
	line []byte
}

func newLines(r io.Reader, maximum int) *lines {
	return &lines{r: bufio.NewReaderSize(r, 64<<10), max: maximum}
}

// next gives the next line, valid until the call after it; io.EOF when there is
// none.
func (l *lines) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		if len(l.line)+len(part) > l.max {
			return nil, errLineTooLong
		}
		if ended && len(l.line) == 0 {
			return part, nil
		}
		l.line = append(l.line, part...)
		switch {
		case ended:
			return l.line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.line) > 0:
			return l.line, nil
		default:
			return nil, err
		}
	}
}
