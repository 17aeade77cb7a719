package ws

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// Paths are matched here and not by an [http.ServeMux]: one within another puts its own
// path values in the place of those that the outer one has found.

// checkPath reports what is wrong with the path of a mount.
func checkPath(path string) error {
	if path == "" || path[0] != '/' || path[len(path)-1] == '/' {
		return errors.New(`path must be like "/socket"`)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if name, ok := parameter(segment); strings.ContainsAny(name, "{}") || ok && name == "" {
			return fmt.Errorf(`segment %q of the path: a parameter must be like "{name}"`, segment)
		}
	}
	return nil
}

// parameter returns the name of a segment in braces, or the segment.
func parameter(segment string) (name string, ok bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return segment, false
}

// pathCovers reports whether whatever a client asks for by path is met by the mount of
// another one as well.
func pathCovers(by, path string) bool {
	have, want := strings.Split(by, "/"), strings.Split(path, "/")
	if len(have) != len(want) {
		return false
	}
	for i := range have {
		if _, any := parameter(have[i]); !any && have[i] != want[i] {
			return false
		}
	}
	return true
}

// matches reports whether the request is for this socket, and returns what the
// client has added to the path. It notes what stands where the path has parameters.
func (s *Socket) matches(r *http.Request) (transport string, ok bool) {
	if !strings.Contains(s.Path, "{") {
		return strings.CutPrefix(r.URL.Path, s.Path)
	}
	rest := r.URL.Path
	var values [][2]string
	for segment := range strings.SplitSeq(s.Path[1:], "/") {
		if rest, ok = strings.CutPrefix(rest, "/"); !ok {
			return "", false
		}
		have, _, _ := strings.Cut(rest, "/")
		rest = rest[len(have):]
		name, isParameter := parameter(segment)
		switch {
		case isParameter && have != "":
			values = append(values, [2]string{name, have})
		case have != segment:
			return "", false
		}
	}
	for _, v := range values {
		r.SetPathValue(v[0], v[1])
	}
	return rest, true
}

// parameters calls f with the parameters of the mount's path.
func (s *Socket) parameters(r *http.Request, f func(name, value string)) {
	for segment := range strings.SplitSeq(s.Path, "/") {
		if name, ok := parameter(segment); ok {
			f(name, r.PathValue(name))
		}
	}
}
