package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

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
