package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/troupe-go/troupe/"

// floors are the parts of the core module, by the first element of a package's path. An
// import goes to a lower floor, or stays in its part.
var floors = map[string]int{
	"mailbox":    0,
	"actor":      1,
	"supervisor": 2,
	"registry":   3,
	"transport":  4,
	"examples":   5,
}

// partOf returns the part that a package belongs to.
func partOf(path string) string {
	part, _, _ := strings.Cut(path, "/")
	return part
}

// pkg is a package of the core module.
type pkg struct {
	path, about string
	imports     []string // those of the module
	depth       int      // how many imports one above the other lead down from it
}

func (p pkg) part() string { return partOf(p.path) }

// packages lists what the module has besides tests: each package behind those that it
// imports.
func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-f", "{{if .GoFiles}}{{.ImportPath}}\t{{.Name}}\t{{.Doc}}\t{{join .Imports \" \"}}{{end}}", "./...")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []pkg
	byPath := map[string]*pkg{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			t.Fatalf("go list: %q: not a package", line)
		}
		p := pkg{path: strings.TrimPrefix(fields[0], module)}
		p.about = strings.TrimPrefix(fields[2], "Package "+fields[1]+" ")
		p.about = strings.TrimPrefix(p.about, "Command "+path.Base(p.path)+" ")
		p.about = strings.TrimSuffix(p.about, ".")
		for imported := range strings.FieldsSeq(fields[3]) {
			if path, ok := strings.CutPrefix(imported, module); ok {
				p.imports = append(p.imports, path)
			}
		}
		found = append(found, p)
	}
	for i := range found {
		byPath[found[i].path] = &found[i]
	}
	var depth func(p *pkg) int
	depth = func(p *pkg) int {
		p.depth = 0
		for _, path := range p.imports {
			p.depth = max(p.depth, depth(byPath[path])+1)
		}
		return p.depth
	}
	for i := range found {
		depth(&found[i])
	}
	slices.SortFunc(found, func(a, b pkg) int {
		if d := floors[a.part()] - floors[b.part()]; d != 0 {
			return d
		}
		if d := strings.Compare(a.part(), b.part()); d != 0 {
			return d
		}
		if d := a.depth - b.depth; d != 0 {
			return d
		}
		return strings.Compare(a.path, b.path)
	})
	return found
}

// No package imports one of a higher floor, or of another part of its own floor. So
// there is no circle either: the compiler sees to that within a part.
func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		floor, ok := floors[p.part()]
		if !ok {
			t.Errorf("%s is on no floor", p.path)
		}
		for _, path := range p.imports {
			part := partOf(path)
			if part != p.part() && floors[part] >= floor {
				t.Errorf("%s imports %s, which is not below it", p.path, path)
			}
			if path == "actor/actortest/long" {
				t.Errorf("%s imports %s, which is for tests only", p.path, path)
			}
		}
	}
}

const (
	mapFile  = "architecture.md"
	mapBegin = "<!-- made by go test ./docs -update -->\n"
	mapEnd   = "<!-- end -->\n"
)

// The map in architecture.md has each package and each import. After a change, run
//
//	go test ./docs -update
func TestTheMapShowsEachImport(t *testing.T) {
	text, err := os.ReadFile(mapFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), mapBegin)
	_, after, ends := strings.Cut(rest, mapEnd)
	if !begins || !ends {
		t.Fatalf("docs/%s has no place for the map", mapFile)
	}
	var b strings.Builder
	b.WriteString("\n| package | what it is | imports |\n| --- | --- | --- |\n")
	for _, p := range packages(t) {
		imports := "–"
		if len(p.imports) > 0 {
			imports = strings.Join(p.imports, ", ")
		}
		fmt.Fprintf(&b, "| [%s](../%s) | %s | %s |\n", p.path, p.path, p.about, imports)
	}
	b.WriteString("\n")
	want := before + mapBegin + b.String() + mapEnd + after
	if *update {
		if err := os.WriteFile(mapFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("docs/%s is not up to date: run go test ./docs -update", mapFile)
	}
}
