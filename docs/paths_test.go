package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are the texts for people, from this directory.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"../*.md", "*.md", "guide/*.md", "../.github/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		found = append(found, files...)
	}
	return found
}

var (
	link    = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	code    = regexp.MustCompile("(?s)```.*?\n```|`[^`\n]*`")
	unnamed = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the headings of a document as links name them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		name := unnamed.ReplaceAllString(strings.ToLower(h[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}

// Each link within the repository leads somewhere, to the heading if it names one.
func TestLinksLeadSomewhere(t *testing.T) {
	headings := map[string]map[string]bool{} // of the documents that links lead to
	for _, doc := range documents(t) {
		if doc == otp.file || doc == phoenix.file {
			continue // made from files that are there
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			target := doc
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(doc), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: link to %s: %v", doc, m[1], err)
				continue
			}
			if m[2] == "" {
				continue
			}
			if headings[target] == nil {
				there, err := os.ReadFile(target)
				if err != nil {
					t.Fatal(err)
				}
				headings[target] = anchors(string(there))
			}
			if !headings[target][m[2]] {
				t.Errorf("%s: %s has no heading %q", doc, target, m[2])
			}
		}
	}
}

var midLine = regexp.MustCompile(`(?m)^[^#\n].*\S #{1,6} .*$|^.*\S.*\n#{1,6} .*$`)

// A heading begins its line, after an empty one; elsewhere it is shown as text.
func TestHeadingsStandApart(t *testing.T) {
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		before := "\n"
		for line := range strings.Lines(code.ReplaceAllString(string(text), "")) {
			// The expression takes long, and most lines cannot match.
			if strings.Contains(line, "# ") {
				if found := midLine.FindString(before + line); found != "" {
					t.Errorf("%s: a heading within text: %s", doc, found)
				}
			}
			before = line
		}
	}
}

// A path in a document is written from the repository's root: `actor/death.go`.
var rooted = regexp.MustCompile("`((?:actor|docs|examples|mailbox|registry|supervisor|transport|\\.ci|\\.github)/[\\w./-]*\\w)`")

// Each file and package that a document names is there. The changelog may tell of those
// that were.
func TestNamedFilesExist(t *testing.T) {
	for _, doc := range documents(t) {
		if doc == "changelog.md" {
			continue
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range rooted.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "/node_modules/") {
				continue // installed, not committed
			}
			if _, err := os.Stat(filepath.Join("..", m[1])); err != nil {
				t.Errorf("%s names %s: %v", doc, m[1], err)
			}
		}
	}
}
