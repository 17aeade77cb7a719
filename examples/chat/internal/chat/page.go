package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

//go:embed page
var embedded embed.FS

// newPage serves the page. Its client of the protocol is one of its own, which is embedded
// with it; or, if phoenix is not nil, the npm package "phoenix", of which that is the
// directory.
func newPage(phoenix fs.FS) (http.Handler, error) {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	if phoenix == nil {
		return mux, nil
	}
	version, module, err := findClient(phoenix)
	if err != nil {
		return nil, fmt.Errorf("the npm package phoenix: %w", err)
	}
	quoted, err := json.Marshal(version)
	if err != nil {
		return nil, err
	}
	client := fmt.Sprintf("export { Presence, Socket } from \"./phoenix.mjs\";\nexport const version = %s;\n", quoted)
	mux.HandleFunc("GET /client.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		fmt.Fprint(w, client)
	})
	mux.HandleFunc("GET /phoenix.mjs", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, phoenix, module)
	})
	return mux, nil
}

// findClient returns the version of the package, and where in it the client is.
func findClient(phoenix fs.FS) (version, module string, err error) {
	text, err := fs.ReadFile(phoenix, "package.json")
	if err != nil {
		return "", "", err
	}
	var about struct{ Name, Version, Module string }
	if err := json.Unmarshal(text, &about); err != nil {
		return "", "", fmt.Errorf("package.json: %w", err)
	}
	if about.Name != "phoenix" {
		return "", "", fmt.Errorf("package.json is of %q", about.Name)
	}
	module = path.Clean(about.Module)
	if info, err := fs.Stat(phoenix, module); err != nil {
		return "", "", err
	} else if !info.Mode().IsRegular() {
		return "", "", fmt.Errorf("package.json names no module")
	}
	return about.Version, module, nil
}
