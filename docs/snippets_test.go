package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

var comment = regexp.MustCompile(`(?m)[ \t]*//.*$`)

// declarations are the pieces of Go code between blank lines, without comments and as
// one line each.
func declarations(code string) []string {
	var found []string
	for piece := range strings.SplitSeq(comment.ReplaceAllString(code, ""), "\n\n") {
		if words := strings.Fields(piece); len(words) > 0 {
			found = append(found, strings.Join(words, " "))
		}
	}
	return found
}

// The README shows the chat's room, with Phoenix in the comments; it may leave some out.
func TestTheFirstSampleIsTheChat(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	room, err := os.ReadFile("../examples/chat/room.go")
	if err != nil {
		t.Fatal(err)
	}
	sample := declarations(goBlock.FindStringSubmatch(string(readme))[1])
	if len(sample) < 8 {
		t.Fatalf("only %d declarations", len(sample))
	}
	code := declarations(string(room))
	for _, d := range sample {
		if !slices.Contains(code, d) {
			t.Errorf("not in room.go: %s", d)
		}
	}
}

// The Go code in the guides to channels is code that is compiled and tested: each piece
// is found there, line by line.
func TestSnippetsAreCodeThatIsTested(t *testing.T) {
	for guide, sources := range map[string]string{
		"guide/channels.md": "../examples/auction/*.go",
		"phoenix.md":        "phoenix_test.go",
	} {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(sources)
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for _, name := range files {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(source)
		}
		pieces := goBlock.FindAllStringSubmatch(string(text), -1)
		if len(pieces) == 0 {
			t.Errorf("%s: no code", guide)
		}
		for _, p := range pieces {
			if !strings.Contains(code.String(), p[1]) {
				t.Errorf("%s: not in %s:\n%s", guide, sources, p[1])
			}
		}
	}
}
