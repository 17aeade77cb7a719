package docs

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each of these made a sentence that had to be read twice.
var tics = regexp.MustCompile(`(?i)\b(whoever|as a rule|if need be|is apart because)\b|, or else\b|, for one[,.:]`)

// A sentence begins with its subject. The word who is one in a question only.
var whoFirst = regexp.MustCompile(`(?:^|[.] )Who [^.?]*\.|[:;] [Ww]ho [^.?]*(?:\.|$)`)

func inEnglish(t *testing.T, where, text string) {
	t.Helper()
	text = strings.Join(strings.Fields(text), " ")
	for _, pattern := range []*regexp.Regexp{tics, whoFirst} {
		if m := pattern.FindString(text); m != "" {
			t.Errorf("%s: %q", where, m)
		}
	}
}

// Comments and documents are read once if they are written for it.
func TestSentencesAreReadOnce(t *testing.T) {
	skipWithRaceDetector(t)
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		inEnglish(t, doc, code.ReplaceAllString(string(text), ""))
	}
	for _, rules := range []string{otp.text, phoenix.text} {
		text, err := os.ReadFile(rules)
		if err != nil {
			t.Fatal(err)
		}
		inEnglish(t, rules, string(text))
	}
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "bench"):
			return fs.SkipDir
		case !strings.HasSuffix(file, ".go"):
			return nil
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, group := range parsed.Comments {
			inEnglish(t, set.Position(group.Pos()).String(), group.Text())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
