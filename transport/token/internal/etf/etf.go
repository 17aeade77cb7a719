// Package etf reads Erlang's external term format, as term_to_binary writes it.
//
// It takes data only: numbers, atoms, binaries, lists, tuples and maps. What names
// something in a running node, such as a pid or a function, is refused, and so is what
// came compressed.
package etf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"unicode/utf8"
)

// Term is an int64, a *big.Int, a float64, an Atom, a Binary, a List, a Tuple, or a Map.
type Term any

// What terms are, besides numbers.
type (
	Atom   string
	Binary []byte
	List   []Term
	Tuple  []Term
	Map    []Pair // in the order of the encoding
)

// Pair is an entry of a Map.
type Pair struct{ Key, Value Term }

// MaxDepth is how deep terms may be nested.
const MaxDepth = 64

// ErrFormat says that something is not a term, or not one that is taken.
var ErrFormat = errors.New("not a term that is taken")

// Tags of the format.
const (
	version       = 131
	newFloat      = 70
	smallInteger  = 97
	integer       = 98
	atomLatin1    = 100
	smallTuple    = 104
	largeTuple    = 105
	emptyList     = 106
	byteList      = 107
	list          = 108
	binaryData    = 109
	smallBig      = 110
	largeBig      = 111
	smallLatin1   = 115
	mapping       = 116
	atomUTF8      = 118
	smallAtomUTF8 = 119
)

// Parse reads one term, which must be all of the data. The term may share its memory. It
// takes no more memory than a small multiple of the data, whatever that says.
func Parse(data []byte) (Term, error) {
	r := reader{rest: data}
	if v, err := r.uint(1); err != nil || v != version {
		return nil, fmt.Errorf("%w: another version", ErrFormat)
	}
	t, err := r.term(0)
	if err != nil {
		return nil, err
	}
	if len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrFormat, len(r.rest))
	}
	return t, nil
}

// reader has what has not been read yet.
type reader struct{ rest []byte }

var errShort = fmt.Errorf("%w: it is cut off", ErrFormat)

// bytes reads n bytes.
func (r *reader) bytes(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(r.rest)) {
		return nil, errShort
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, nil
}

// uint reads a number of up to four bytes.
func (r *reader) uint(size uint32) (n uint32, err error) {
	b, err := r.bytes(size)
	for _, c := range b {
		n = n<<8 | uint32(c)
	}
	return n, err
}

// sized reads a length of so many bytes, and then as many bytes as it says.
func (r *reader) sized(size uint32) ([]byte, error) {
	n, err := r.uint(size)
	if err != nil {
		return nil, err
	}
	return r.bytes(n)
}

// term reads the next term, at this depth.
func (r *reader) term(depth int) (Term, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: nested more than %d deep", ErrFormat, MaxDepth)
	}
	tag, err := r.uint(1)
	if err != nil {
		return nil, err
	}
	switch tag {
	case smallInteger:
		n, err := r.uint(1)
		return int64(n), err
	case integer:
		n, err := r.uint(4)
		return int64(int32(n)), err
	case smallBig:
		return r.big(1)
	case largeBig:
		return r.big(4)
	case newFloat:
		return r.float()
	case atomLatin1:
		return r.latin1(2)
	case smallLatin1:
		return r.latin1(1)
	case atomUTF8:
		return r.utf8(2)
	case smallAtomUTF8:
		return r.utf8(1)
	case binaryData:
		b, err := r.sized(4)
		return Binary(b), err
	}
	return r.compound(tag, depth)
}

// compound reads a term that has others in it.
func (r *reader) compound(tag uint32, depth int) (Term, error) {
	switch tag {
	case emptyList:
		return List{}, nil
	case byteList:
		b, err := r.sized(2)
		l := make(List, len(b))
		for i, c := range b {
			l[i] = int64(c)
		}
		return l, err
	case list:
		return r.list(depth)
	case smallTuple:
		all, err := r.terms(1, depth)
		return Tuple(all), err
	case largeTuple:
		all, err := r.terms(4, depth)
		return Tuple(all), err
	case mapping:
		return r.mapping(depth)
	}
	return nil, fmt.Errorf("%w: tag %d", ErrFormat, tag)
}

// count reads a number of things, each of which takes a byte at least.
func (r *reader) count(size uint32) (int, error) {
	n, err := r.uint(size)
	if err == nil && uint64(n) > uint64(len(r.rest)) {
		err = errShort
	}
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// terms reads a number, and then as many terms.
func (r *reader) terms(size uint32, depth int) ([]Term, error) {
	n, err := r.count(size)
	if err != nil {
		return nil, err
	}
	all := make([]Term, n)
	for i := range all {
		if all[i], err = r.term(depth + 1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r *reader) list(depth int) (Term, error) {
	all, err := r.terms(4, depth)
	if err != nil {
		return nil, err
	}
	tail, err := r.uint(1)
	if err == nil && tail != emptyList {
		err = fmt.Errorf("%w: a list that does not end with []", ErrFormat)
	}
	return List(all), err
}

func (r *reader) mapping(depth int) (Term, error) {
	n, err := r.count(4)
	if err != nil {
		return nil, err
	}
	m := make(Map, 0, min(n, len(r.rest)/2)) // an entry takes two bytes at least
	for range n {
		key, err := r.term(depth + 1)
		if err != nil {
			return nil, err
		}
		value, err := r.term(depth + 1)
		if err != nil {
			return nil, err
		}
		m = append(m, Pair{key, value})
	}
	return m, nil
}

func (r *reader) float() (Term, error) {
	b, err := r.bytes(8)
	if err != nil {
		return nil, err
	}
	f := math.Float64frombits(binary.BigEndian.Uint64(b))
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%w: a float that is no number", ErrFormat)
	}
	return f, nil
}

// big reads an integer: how many bytes, the sign, the bytes from the lowest on.
func (r *reader) big(size uint32) (Term, error) {
	n, err := r.count(size)
	if err != nil {
		return nil, err
	}
	sign, err := r.uint(1)
	if err != nil {
		return nil, err
	}
	b, err := r.bytes(uint32(n))
	if err != nil || sign > 1 {
		return nil, fmt.Errorf("%w: no integer", ErrFormat)
	}
	b = slices.Clone(b)
	slices.Reverse(b)
	i := new(big.Int).SetBytes(b)
	if sign == 1 {
		i.Neg(i)
	}
	if i.IsInt64() {
		return i.Int64(), nil
	}
	return i, nil
}

func (r *reader) latin1(size uint32) (Term, error) {
	b, err := r.sized(size)
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return Atom(runes), err
}

func (r *reader) utf8(size uint32) (Term, error) {
	b, err := r.sized(size)
	if err == nil && !utf8.Valid(b) {
		err = fmt.Errorf("%w: an atom that is not UTF-8", ErrFormat)
	}
	return Atom(b), err
}
