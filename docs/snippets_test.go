package docs

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

var comment = regexp.MustCompile(`(?m)^[ \t]*//.*\n|[ \t]*//.*$`)

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

// The README shows the whole room.
func TestTheFirstSampleIsTheRoom(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	room, err := os.ReadFile("../examples/room/main.go")
	if err != nil {
		t.Fatal(err)
	}
	sample := goBlock.FindStringSubmatch(string(readme))[1]
	if _, code, _ := strings.Cut(string(room), "\npackage "); sample != "package "+code {
		t.Errorf("it is not examples/room/main.go:\n%s", sample)
	}
}

// Then it shows the chat's room, with Phoenix in the comments; it may leave some out.
func TestTheSecondSampleIsTheChat(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	room, err := os.ReadFile("../examples/chat/internal/chat/room.go")
	if err != nil {
		t.Fatal(err)
	}
	sample := declarations(goBlock.FindAllStringSubmatch(string(readme), 2)[1][1])
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

// The stack of a panic that a guide shows has the line of the panic.
func TestStacksInGuidesLeadToTheirLines(t *testing.T) {
	guide, err := os.ReadFile("guide/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	stacks := regexp.MustCompile(`\n\t(\S+\.go):(\d+)\n`).FindAllStringSubmatch(string(guide), -1)
	if len(stacks) == 0 {
		t.Error("there are no stacks")
	}
	for _, s := range stacks {
		code, err := os.ReadFile("../" + s[1])
		if err != nil {
			t.Fatal(err)
		}
		n, lines := 0, strings.Split(string(code), "\n")
		if n, err = strconv.Atoi(s[2]); err != nil || n > len(lines) || !strings.Contains(lines[n-1], "panic(") {
			t.Errorf("%s:%s is no panic", s[1], s[2])
		}
	}
}

var jsBlock = regexp.MustCompile("(?s)```js\n(.*?)```")

// The lines that the official client needs are in code that runs: all of a guide, and one of
// what phoenix.md says.
func TestScriptsForTheOfficialClientRun(t *testing.T) {
	words := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	for doc, paths := range map[string][]string{
		"guide/missed.md": {"../examples/chat/internal/chat/page/recorded.mjs", "../examples/e2e/recorded.test.mjs"},
		"phoenix.md":      {"../examples/e2e/recorded.test.mjs"},
	} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		var code string
		for _, path := range paths {
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			code += words(string(script)) + " "
		}
		runs := 0
		for _, block := range jsBlock.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(code, words(block[1])) {
				runs++
			} else if doc != "phoenix.md" {
				t.Errorf("%s shows what does not run:\n%s", doc, block[1])
			}
		}
		if runs == 0 {
			t.Errorf("%s shows nothing of %s", doc, paths)
		}
	}
}

// What the README imports without saying so.
var imports = map[string]string{
	"cmp":        "cmp",
	"context":    "context",
	"fmt":        "fmt",
	"http":       "net/http",
	"log":        "log",
	"rand":       "crypto/rand",
	"time":       "time",
	"actor":      "github.com/troupe-go/troupe/actor",
	"supervisor": "github.com/troupe-go/troupe/supervisor",
	"registry":   "github.com/troupe-go/troupe/registry",
	"pubsub":     "github.com/troupe-go/troupe/registry/pubsub",
	"ws":         "github.com/troupe-go/troupe/transport/ws",
	"presence":   "github.com/troupe-go/troupe/transport/ws/presence",
	"token":      "github.com/troupe-go/troupe/transport/token",
}

var qualifier = regexp.MustCompile(`\b([a-z]+)\.[A-Z]`)

// asFile is a block of Go as a file of its own: one that has no package clause gets
// one, with the imports that it uses.
func asFile(block string) string {
	if strings.HasPrefix(block, "package ") {
		return block
	}
	used := map[string]bool{}
	for _, m := range qualifier.FindAllStringSubmatch(comment.ReplaceAllString(block, ""), -1) {
		if path := imports[m[1]]; path != "" {
			used[path] = true
		}
	}
	var b strings.Builder
	b.WriteString("package readme\n")
	for path := range used {
		fmt.Fprintf(&b, "import %q\n", path)
	}
	return b.String() + block
}

// Each block of Go in the README can be copied into a program.
func TestTheReadmeCompiles(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := goBlock.FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 2 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	for i, block := range blocks {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("block%d.go", i+1))
		if err := os.WriteFile(file, []byte(asFile(block[1])), 0o644); err != nil {
			t.Fatal(err)
		}
		vet := exec.Command("go", "vet", file)
		vet.Dir = ".." // for the module's requirements
		if out, err := vet.CombinedOutput(); err != nil {
			t.Errorf("block %d of the README: %v\n%s", i+1, err, out)
		}
	}
}

// danglingComment matches a comment on a declaration that is not there.
var danglingComment = regexp.MustCompile(`(?m)^//.*\n\z`)

// Where code is cut out of its function, it still is Go.
func TestGoBlocksParse(t *testing.T) {
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range goBlock.FindAllStringSubmatch(string(text), -1) {
			if comment := danglingComment.FindString(block[1]); comment != "" {
				t.Errorf("%s: what this is about was cut off: %s", doc, comment)
			}
			code := strings.ReplaceAll(block[1], "…", "") // stands for what is left out
			_, asDeclarations := parser.ParseFile(token.NewFileSet(), doc, asFile(code), 0)
			_, asStatements := parser.ParseFile(token.NewFileSet(), doc, "package doc; func _() {\n"+code+"}", 0)
			if asDeclarations != nil && asStatements != nil {
				t.Errorf("%s: neither declarations (%v) nor statements (%v):\n%s", doc, asDeclarations, asStatements, block[1])
			}
		}
	}
}

// The Go code in these guides is code that is compiled and tested: each piece
// is found there, line by line.
func TestSnippetsAreCodeThatIsTested(t *testing.T) {
	for guide, sources := range map[string]string{
		"guide/channels.md": "../examples/auction/*.go ../examples/board/*.go",
		"guide/actors.md":   "../actor/example*_test.go ../mailbox/example_test.go ../supervisor/example_till_test.go ../registry/entity/example*_test.go",
		"guide/statem.md":   "../actor/statem/*_test.go",
		"otp.md":            "otp_test.go",
		"guide/start.md":    "../examples/start/*.go",
		"guide/tasks.md":    "../actor/task/example_test.go",
		"guide/missed.md":   "../transport/ws/example_history_test.go ../transport/ws/example_linger_test.go ../transport/nats/example_history_test.go",
		"guide/testing.md":  "../actor/actortest/*_test.go",
		"phoenix.md":        "phoenix_test.go ../transport/ws/example_expire_test.go",

		"guide/observability.md": "observability_test.go ../actor/example_instrument_test.go ../actor/otel/example_test.go",
		"guide/cluster.md":       "cluster_test.go cluster_room_test.go ../transport/ws/example_gap_test.go ../transport/nats/example*_test.go",
	} {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		var code strings.Builder
		for pattern := range strings.FieldsSeq(sources) {
			files, err := filepath.Glob(pattern)
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %d files, %v", pattern, len(files), err)
			}
			for _, name := range files {
				source, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				code.Write(source)
			}
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
