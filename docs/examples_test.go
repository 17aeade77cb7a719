package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// documented is a package of the library as its readers find it.
type documented struct {
	about    string   // the package's documentation
	examples []string // the test files that have Example functions
}

// documentedPackages maps directories, from the repository's root, to packages. Those
// that are internal are left out.
func documentedPackages(t *testing.T) map[string]*documented {
	t.Helper()
	found, err := readPackages()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var readPackages = sync.OnceValues(func() (map[string]*documented, error) {
	found := map[string]*documented{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			switch d.Name() {
			case "docs", "examples", "internal", "node_modules", ".git", "testdata":
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		isTest := strings.HasSuffix(path, "_test.go")
		mode := parser.SkipObjectResolution
		if !isTest {
			mode |= parser.ParseComments | parser.PackageClauseOnly // for file.Doc
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if isTest && !bytes.Contains(text, []byte("\nfunc Example")) {
			mode |= parser.PackageClauseOnly // it has none
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, mode)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel("..", filepath.Dir(path))
		if err != nil {
			return err
		}
		p := found[filepath.ToSlash(dir)]
		if p == nil {
			p = &documented{}
			found[filepath.ToSlash(dir)] = p
		}
		if !isTest {
			p.about += file.Doc.Text()
		} else if hasExamples(file) {
			p.examples = append(p.examples, d.Name())
		}
		return nil
	})
	return found, err
})

func hasExamples(file *ast.File) bool {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Example") {
			return true
		}
	}
	return false
}

// What go doc prints has no examples. So each package's documentation names the files in
// which they are.
func TestPackagesNameTheirExamples(t *testing.T) {
	packages := documentedPackages(t)
	if len(packages) < 15 {
		t.Fatalf("only %d packages", len(packages))
	}
	for dir, p := range packages {
		for _, name := range p.examples {
			if !named(p.about, name) {
				t.Errorf("the documentation of %s does not name %s: add it under # Examples, with what it shows", dir, name)
			}
		}
	}
}

// named reports whether a text has the name of a file, and not only as the end of another.
func named(text, file string) bool {
	return regexp.MustCompile(`(^|[^\w/])` + regexp.QuoteMeta(file) + `\b`).MatchString(text)
}

var (
	testFile = regexp.MustCompile(`[^\w/](\w+_test\.go)\b`)
	fromRoot = regexp.MustCompile(`\b(?:docs|examples)/[\w./-]*\w`)
)

// Where a package's documentation names a file, a program or a guide, it is there.
func TestPackagesNameWhatIsThere(t *testing.T) {
	for dir, p := range documentedPackages(t) {
		for _, m := range testFile.FindAllStringSubmatch(p.about, -1) {
			if _, err := os.Stat(filepath.Join("..", dir, m[1])); err != nil {
				t.Errorf("the documentation of %s: %v", dir, err)
			}
		}
		for _, path := range fromRoot.FindAllString(p.about, -1) {
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Errorf("the documentation of %s: %v", dir, err)
			}
		}
	}
}
