package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// assets are the static files by name, with the hash of their content.
var assets = readAssets()

type staticFile struct {
	hash string
	page *page
}

func readAssets() map[string]staticFile {
	kinds := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
	out := make(map[string]staticFile)
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		panic(err) // the files are in the binary
	}
	for _, e := range entries {
		data, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err) // the files are in the binary
		}
		sum := sha256.Sum256(data)
		out[e.Name()] = staticFile{hex.EncodeToString(sum[:6]), newPage(http.StatusOK, kinds[path.Ext(e.Name())], data)}
	}
	return out
}

// asset is the address of a static file; it changes with the content.
func asset(name string) (string, error) {
	f, ok := assets[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	ext := path.Ext(name)
	return "/static/" + strings.TrimSuffix(name, ext) + "." + f.hash + ext, nil
}

// serveAsset serves name.hash.ext for ever. Where the hash is that of another
// release, as it happens while one follows the other behind one address, the
// file is served as it is here, and briefly.
func (d *Dashboard) serveAsset(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("name")
	ext := path.Ext(asked)
	base, hash, _ := strings.Cut(strings.TrimSuffix(asked, ext), ".")
	f, ok := assets[base+ext]
	if !ok {
		d.serveNothing(w, r)
		return
	}
	d.serve(w, r, func() (*page, error) {
		p := &page{status: f.page.status, kind: f.page.kind, body: f.page.body, etag: f.page.etag, cache: "public, max-age=60"}
		if hash == f.hash {
			p.cache = "public, max-age=31536000, immutable"
		}
		return p, nil
	})
}
