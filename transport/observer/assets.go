package observer

import (
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// asset is a file of the page.
type asset struct {
	content   string
	mediaType string
	tag       string // changes with the content
}

// assets are the files of the page by what they are asked for.
var assets = readAssets()

func readAssets() map[string]asset {
	found := map[string]asset{}
	entries, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		panic(err) // it is a part of the program
	}
	for _, e := range entries {
		content, err := fs.ReadFile(pageFiles, "page/"+e.Name())
		if err != nil {
			panic(err)
		}
		hash := fnv.New64a()
		hash.Write(content)
		found[e.Name()] = asset{string(content), mediaTypes[path.Ext(e.Name())], fmt.Sprintf(`"%x"`, hash.Sum64())}
	}
	found[""] = found["index.html"]
	return found
}

// mediaTypes are those of the page's files. The system's table may have others.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".png":  "image/png",
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.mediaType)
	w.Header().Set("ETag", a.tag)
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(a.content))
}
