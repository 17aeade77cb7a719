package chat

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
// with it; or the npm package, if there is one. It knows the Peers.
func newPage(c Config) (http.Handler, error) {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	if len(c.Peers) > 0 {
		if err := serveScript(mux, "/peers.js", "export const peers = %s;\n", c.Peers); err != nil {
			return nil, err
		}
	}
	if c.Phoenix == nil {
		return mux, nil
	}
	if err := servePackage(mux, c.Phoenix); err != nil {
		return nil, fmt.Errorf("the npm package phoenix: %w", err)
	}
	return mux, nil
}

// origins are those of the pages that may connect: with peers theirs, too.
func (c Config) origins() []string {
	if len(c.Peers) == 0 {
		return nil // the server's own
	}
	origins := []string{"//" + c.Addr}
	for _, peer := range c.Peers {
		origins = append(origins, "//"+peer)
	}
	return origins
}

// serveScript serves a script that has a value in it.
func serveScript(mux *http.ServeMux, path, format string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		fmt.Fprintf(w, format, text)
	})
	return nil
}

// servePackage has the page run on the npm package "phoenix", of which this is the directory.
func servePackage(mux *http.ServeMux, phoenix fs.FS) error {
	version, module, err := findClient(phoenix)
	if err != nil {
		return err
	}
	mux.HandleFunc("GET /phoenix.mjs", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, phoenix, module)
	})
	client := "export { Presence, Socket } from \"./phoenix.mjs\";\nexport const version = %s;\n"
	return serveScript(mux, "/client.js", client, version)
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
