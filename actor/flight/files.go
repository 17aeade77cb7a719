package flight

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Dump is a file of a [Recorder], for go tool trace.
type Dump struct {
	Path  string
	Time  time.Time // of what caused it, in UTC, to the millisecond
	Cause string    // "crash" or "slow"
	PID   string    // of the actor at fault, without <>
	Bytes int64
}

// Dumps returns the dumps in the recorder's Dir, the newest first, those of earlier runs of
// the program included. There are none without a Dir.
func (r *Recorder) Dumps() ([]Dump, error) {
	if r.cfg.Dir == "" {
		return nil, nil
	}
	names, err := namesIn(r.cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("flight: %w", err)
	}
	var list []Dump
	for _, name := range slices.Backward(names) {
		path := filepath.Join(r.cfg.Dir, name)
		info, err := os.Stat(path)
		d, ok := parse(name)
		if err != nil || !ok { // another dump has just had it removed, or it is none
			continue
		}
		d.Path, d.Bytes = path, info.Size()
		list = append(list, d)
	}
	return list, nil
}

// A file is called flight-20060102T150405.000-crash-0.17.trace, so that the names are in the
// order of time.
const (
	prefix, suffix = "flight-", ".trace"
	timeFormat     = "20060102T150405.000"
	unfinished     = ".flight-*.tmp"
)

func (c cause) fileName() string {
	pid := strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, strings.Trim(c.pid.String(), "<>"))
	pid = pid[max(0, len(pid)-100):] // the node's name may be as long as it likes
	return prefix + c.at.UTC().Format(timeFormat) + "-" + c.kind + "-" + pid + suffix
}

// parse returns what the name of a file says.
func parse(name string) (d Dump, ok bool) {
	rest, ok1 := strings.CutPrefix(name, prefix)
	rest, ok2 := strings.CutSuffix(rest, suffix)
	parts := strings.SplitN(rest, "-", 3)
	if !ok1 || !ok2 || len(parts) < 3 {
		return d, false
	}
	at, err := time.Parse(timeFormat, parts[0])
	return Dump{Time: at, Cause: parts[1], PID: parts[2]}, err == nil
}

// namesIn returns the names of the dumps in a directory, the oldest first.
func namesIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if _, ok := parse(e.Name()); ok && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// save writes a file that has its name when it is complete.
func save(dir string, c cause, b *bytes.Buffer) (path string, err error) {
	f, err := os.CreateTemp(dir, unfinished)
	if err != nil {
		return "", err
	}
	_, err = b.WriteTo(f)
	if e := f.Close(); err == nil {
		err = e
	}
	path = filepath.Join(dir, c.fileName())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return path, nil
}

// prune removes the oldest files until no more than keep are left.
func prune(dir string, keep int) error {
	names, err := namesIn(dir)
	if err != nil {
		return err
	}
	for _, name := range names[:max(0, len(names)-keep)] {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// removeRemains removes files that were never finished.
func removeRemains(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, unfinished))
	for _, name := range names {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return err
}
