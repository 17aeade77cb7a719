package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// declared are the names of the library's packages: as "ws.Socket", and, of a type's
// methods and fields, as "Socket.Path". Types are there as "Socket", too.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for dir := range documentedPackages(t) {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				declare(names, file.Name.Name, d)
			}
		}
	}
	return names
}

func declare(names map[string]bool, pkg string, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			names[pkg+"."+d.Name.Name] = true
		} else {
			names[typeName(d.Recv.List[0].Type)+"."+d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, n := range s.Names {
					names[pkg+"."+n.Name] = true
				}
			case *ast.TypeSpec:
				names[pkg+"."+s.Name.Name] = true
				names[s.Name.Name] = true
				declareMembers(names, s)
			}
		}
	}
}

func declareMembers(names map[string]bool, s *ast.TypeSpec) {
	var members *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		members = t.Fields
	case *ast.InterfaceType:
		members = t.Methods
	default:
		return
	}
	for _, m := range members.List {
		for _, n := range m.Names {
			names[s.Name.Name+"."+n.Name] = true
		}
	}
}

// typeName is the name of a receiver's type, without * and type parameters.
func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

var member = regexp.MustCompile("[`(]([A-Z]\\w*)\\.([A-Z]\\w*)")

// qualified matches an exported name behind the name of one of the library's packages, and
// not of a field (f.long.Add).
func qualified(t *testing.T) *regexp.Regexp {
	var names []string
	for dir := range documentedPackages(t) {
		names = append(names, path.Base(dir))
	}
	return regexp.MustCompile(`(?:^|[^\w.])(` + strings.Join(names, "|") + `)\.([A-Z]\w*)`)
}

// elixir has the modules that look like a member of a type of ours, and what the README's
// first sample calls like one.
var elixir = map[string]bool{"Task.Supervisor": true, "Room.NewMsg": true}

// A reader that moves a program over looks these names up.
func TestNamesInDocumentsExist(t *testing.T) {
	skipWithRaceDetector(t)
	names, qualified := declared(t), qualified(t)
	for _, doc := range documents(t) {
		if doc == "changelog.md" {
			continue // tells of what was, as well
		}
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			found := qualified.FindAllStringSubmatch(line, -1)
			for _, m := range member.FindAllStringSubmatch(line, -1) {
				if names[m[1]] && !elixir[m[1]+"."+m[2]] { // and not one of Phoenix's modules
					found = append(found, m)
				}
			}
			for _, f := range found {
				if name := f[1] + "." + f[2]; !names[name] {
					t.Errorf("%s: there is no %s", doc, name)
				}
			}
		}
	}
}
