package ws

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// serves reports whether a serializer of version have serves clients that ask for
// vsn: whether vsn ~> have, as long as both have three numbers.
func serves(have, vsn string) bool {
	h, hasPatch := parseVersion(have)
	v, ok := parseVersion(vsn)
	return ok && hasPatch && h[0] == v[0] && h[1] == v[1] && h[2] <= v[2]
}

func parseVersion(s string) (v [3]uint64, ok bool) {
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// serializerFor returns the serializer for the version that a client asks for.
func serializerFor(all []wire.Serializer, vsn string) (wire.Serializer, error) {
	for _, s := range all {
		if serves(s.Version(), vsn) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w %.40q", errVersion, vsn)
}

var errVersion = errors.New("no serializer for version")
