package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// comments calls f with each doc comment of the library that godoc shows: of packages,
// and of exported names, their methods and fields.
func comments(t *testing.T, f func(where, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); name == "docs" || name == "examples" || name == "node_modules" || name == ".git" {
				return fs.SkipDir
			}
			return nil
		case !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		in := strings.TrimPrefix(filepath.ToSlash(file), "../")
		say := func(name string, groups ...*ast.CommentGroup) {
			for _, g := range groups {
				if text := strings.TrimSpace(g.Text()); text != "" {
					f(in+": "+name, text)
				}
			}
		}
		say("package "+parsed.Name.Name, parsed.Doc)
		for _, decl := range parsed.Decls {
			sayDecl(say, decl)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sayDecl(say func(string, ...*ast.CommentGroup), decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(typeName(d.Recv.List[0].Type))) {
			say(d.Name.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				if s.Names[0].IsExported() {
					say(s.Names[0].Name, d.Doc, s.Doc, s.Comment)
				}
			case *ast.TypeSpec:
				if !s.Name.IsExported() {
					continue
				}
				say(s.Name.Name, d.Doc, s.Doc)
				ast.Inspect(s.Type, func(n ast.Node) bool {
					if field, ok := n.(*ast.Field); ok && len(field.Names) > 0 && field.Names[0].IsExported() {
						say(s.Name.Name+"."+field.Names[0].Name, field.Doc, field.Comment)
					}
					return true
				})
			}
		}
	}
}

// Rules have numbers for those that work on Troupe. Its users need not know them.
func TestGodocCitesNoRule(t *testing.T) {
	skipWithRaceDetector(t)
	var prefixes []string
	for _, f := range slices.Concat(otp.families, phoenix.families) {
		prefixes = append(prefixes, f.prefix)
	}
	rule := regexp.MustCompile(`\b(` + strings.Join(prefixes, "|") + `)-\d+`)
	comments(t, func(where, text string) {
		if id := rule.FindString(text); id != "" {
			t.Errorf("%s cites %s: say what it means", where, id)
		}
	})
}

var (
	// A counterpart has a line of its own: "OTP: gen_server:call/2."
	counterpart = regexp.MustCompile(`^(OTP|Elixir|Phoenix): \S.*\.$`)
	// These are other ways to name one.
	equated = regexp.MustCompile(`(It is|[Ii]t corresponds to|It takes the place of|has names for this)[\s]+(the |a |an )?(OTP|Elixir|Erlang|Phoenix|gen_\w+|pg|sys|proc_lib)\b|OTP has names for this|It is \S+/\d|It is [a-z_]+:[a-z_]+|of Phoenix's tests`)
)

// A doc comment names its counterpart in OTP, Elixir or Phoenix in its last lines, in one
// form, so that it can be searched for.
func TestCounterpartsHaveOneForm(t *testing.T) {
	comments(t, func(where, text string) {
		lines := strings.Split(text, "\n")
		end := len(lines)
		for end > 0 && counterpart.MatchString(lines[end-1]) {
			end--
		}
		if end < len(lines) && end > 0 && lines[end-1] != "" {
			t.Errorf("%s: no empty line before %q, so that it is no line of its own", where, lines[end])
		}
		for _, line := range lines[:end] {
			if strings.HasPrefix(line, "OTP: ") || strings.HasPrefix(line, "Elixir: ") || strings.HasPrefix(line, "Phoenix: ") {
				t.Errorf("%s: a counterpart that is not a last line, or no sentence: %q", where, line)
			}
		}
		if m := equated.FindString(strings.Join(lines[:end], " ")); m != "" {
			t.Errorf("%s: %q: name the counterpart in the last line", where, m)
		}
	})
}
