// Package docs keeps the documents true that can be made from the code.
package docs

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of rules and the map of packages again")

// family is a group of numbered rules.
type family struct{ prefix, about, numbers string }

// ruleset is a document: numbered rules, and which tests show them.
type ruleset struct {
	file, title, about string
	text               string // the file with what each rule says, one line a rule
	families           []family
	notes              map[string]string // see notes_test.go
	// reads reports whether a test may cite these rules. Some have the same names in
	// both sets.
	reads func(path string) bool
}

var otp = ruleset{
	file:  "otp-rules.md",
	text:  "otp-rules.txt",
	title: "OTP's rules and their tests",
	about: "What OTP promises, rule by rule in our words, and which test shows it here. Comments in the code and in tests cite rules by number.",
	notes: otpNotes,
	reads: func(path string) bool {
		return strings.HasSuffix(path, "_test.go") && !strings.HasPrefix(path, "transport/ws/") && !strings.HasPrefix(path, "examples/")
	},
	families: otpFamilies,
}

var phoenix = ruleset{
	file:  "phoenix-rules.md",
	text:  "phoenix-rules.txt",
	title: "Phoenix's rules and their tests",
	about: "What Phoenix Channels promise, rule by rule in our words, and which test shows it here: the protocol, the behaviour of sockets and channels, presence, and what the official client does. Comments in the code and in tests cite rules by number.",
	notes: phoenixNotes,
	reads: func(path string) bool {
		return strings.HasSuffix(path, ".test.mjs") || strings.HasSuffix(path, "_test.go") &&
			(strings.HasPrefix(path, "transport/ws/") || strings.HasPrefix(path, "examples/") || strings.HasPrefix(path, "registry/pubsub/"))
	},
	families: []family{
		{"CONN", "endpoint and handshake", "1-13"},
		{"ORIG", "origin check", "1-5"},
		{"AUTH", "auth tokens", "1-5"},
		{"SER", "serializers", "1-4"},
		{"V1", "JSON objects", "1-4"},
		{"WIRE", "JSON arrays", "1-10"},
		{"BIN", "binary messages", "1-7"},
		{"EVT", "reserved events and heartbeat", "1-3"},
		{"JOIN", "joining", "1-12"},
		{"MSG", "messages to channels", "1-9"},
		{"END", "ending a channel", "1-6"},
		{"OUT", "sending", "1-8"},
		{"DISC", "force-disconnect and drain", "1-4"},
		{"LP", "long-poll", "1-8"},
		{"PRES", "presence", "1-12"},
		{"CRDT", "replication of presence", "1-6"},
		{"OBS", "logs and metrics", "1-3"},
		{"CLI", "what the official client does", "1-11"},
		{"TEST", "testing toolkit", "1-7"},
	},
}

var otpFamilies = []family{
	{"PROC", "processes", "1-7"},
	{"SIG", "signals and their order", "1-8"},
	{"EXIT", "exit reasons and exit signals", "1-10"},
	{"LNK", "links", "1-9"},
	{"MON", "monitors", "1-10"},
	{"ALS", "aliases", "1-3"},
	{"LOG", "crash reports", "1-4"},
	{"RCV", "receiving", "1-6"},
	{"PRI", "priority messages", "1-3"},
	{"TMR", "timers", "1-7"},
	{"GS", "gen_server", "1-16 20-30 40-47"},
	{"SM", "gen_statem", "1-17"},
	{"GE", "gen_event", "1-6"},
	{"TSK", "tasks", "1-8"},
	{"AGT", "agents", "1"},
	{"GNS", "demand-driven stages", "1"},
	{"SUP", "supervisors", "1-8 10-16 20-26 30-37 40-43 50-53 60-68"},
	{"DYN", "dynamic supervisors", "1-6"},
	{"PSUP", "partition supervisors", "1-3"},
	{"TSUP", "task supervisors", "1-2"},
	{"REG", "registries", "1-14"},
	{"GLB", "names in a cluster", "1-2"},
	{"PG", "process groups", "1-5"},
	{"OBS", "looking into a running system", "1-8"},
	{"MBX", "mailboxes and overload", "1-3"},
	{"APP", "applications and their shutdown", "1-6"},
	{"GO", "where Go differs", "1-29"},
	{"T", "cases taken over from OTP's and Elixir's test suites", "1-32 40-62 70-82 90-103 110-116"},
}

func (f family) rules() (ids []string) {
	for part := range strings.FieldsSeq(f.numbers) {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, _ := strconv.Atoi(from)
		last, _ := strconv.Atoi(to)
		for n := first; n <= last; n++ {
			ids = append(ids, fmt.Sprintf("%s-%d", f.prefix, n))
		}
	}
	return ids
}

// texts reads what each rule says. The file has the rules in the order of the families.
func (r ruleset) texts(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.ReadFile(r.text)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	var order []string
	for line := range strings.Lines(string(file)) {
		id, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !ok || !sentence.MatchString(text) {
			t.Errorf("%s: not a rule and its sentence: %q", r.text, line)
		}
		texts[id] = text
		order = append(order, id)
	}
	var rules []string
	for _, f := range r.families {
		rules = append(rules, f.rules()...)
	}
	for _, id := range rules {
		if texts[id] == "" {
			t.Errorf("%s: no text for %s", r.text, id)
		}
	}
	for _, id := range order {
		if !slices.Contains(rules, id) {
			t.Errorf("%s: there is no rule %s", r.text, id)
		}
	}
	if !t.Failed() && !slices.Equal(order, rules) {
		t.Errorf("%s: the rules are out of order, or one is there twice", r.text)
	}
	return texts
}

// A rule's text is one or two sentences that do not break a table.
var sentence = regexp.MustCompile(`^[A-Z][^|]+\.$`)

// A citation names one rule, or several: "SIG-3", "T-40, T-41", "SUP-21..26",
// "EXIT-1 to EXIT-10".
var citation = regexp.MustCompile(`\b([A-Z]+1?)-(\d+)(?:(?:\.\.| to )(?:[A-Z]+-)?(\d+))?`)

// citedBy maps rules to the test files that cite them, from the repository's root.
func (r ruleset) citedBy(t *testing.T) map[string][]string {
	t.Helper()
	cited := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		file := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if name := d.Name(); name == "docs" || name == "node_modules" || name == ".git" {
				return fs.SkipDir
			}
			return nil
		case !r.reads(file):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "-") {
				continue // the expression takes long
			}
			for _, m := range citation.FindAllStringSubmatch(line, -1) {
				first, _ := strconv.Atoi(m[2])
				last := first
				if m[3] != "" {
					last, _ = strconv.Atoi(m[3])
				}
				for n := first; n <= last; n++ {
					id := fmt.Sprintf("%s-%d", m[1], n)
					if !slices.Contains(cited[id], file) {
						cited[id] = append(cited[id], file)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return cited
}

// TestRules checks that each document says what each rule is and which test shows it,
// and that each rule has a test or a reason why not. After a change, run
//
//	go test ./docs -update
func TestRules(t *testing.T) {
	t.Run("OTP", otp.check)
	t.Run("Phoenix", phoenix.check)
}

func (r ruleset) check(t *testing.T) {
	cited, texts := r.citedBy(t), r.texts(t)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s A rule without a test says what is promised instead, or what is missing. This file is made by `go test ./docs -update`, from the rule numbers that tests cite, from %s and from notes_test.go; the test fails when it is not up to date.\n", r.title, r.about, r.text)
	var tested, total int
	for _, f := range r.families {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| rule | what it says | tests | instead, or besides |\n| --- | --- | --- | --- |\n", f.prefix, f.about)
		for _, id := range f.rules() {
			total++
			files, note := cited[id], r.notes[id]
			if len(files) > 0 {
				tested++
			} else if note == "" {
				t.Errorf("%s has neither a test that cites it nor a note in notes_test.go", id)
			}
			links := make([]string, len(files))
			for i, file := range files {
				links[i] = fmt.Sprintf("[%s](../%s)", strings.TrimSuffix(strings.TrimSuffix(file, "_test.go"), ".test.mjs"), file)
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", id, texts[id], strings.Join(links, ", "), note)
		}
	}
	fmt.Fprintf(&b, "\n%d of %d rules have a test.\n", tested, total)

	if *update {
		if err := os.WriteFile(r.file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(r.file)
	if err != nil || string(got) != b.String() {
		t.Errorf("docs/%s is not up to date: run go test ./docs -update (%v)", r.file, err)
	}
}
