package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets are the static files by name.
var assets = readAssets()

type staticFile struct {
	hash, kind string
	body       []byte
}

func readAssets() map[string]staticFile {
	kinds := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
	}
	out := map[string]staticFile{}
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
		out[e.Name()] = staticFile{hex.EncodeToString(sum[:6]), kinds[path.Ext(e.Name())], data}
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

// serveAsset serves name.hash.ext for ever, and with the hash of another
// release, as it happens while one follows the other, briefly.
func (f *Frame) serveAsset(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("name")
	ext := path.Ext(asked)
	name, hash, _ := strings.Cut(strings.TrimSuffix(asked, ext), ".")
	a, ok := assets[name+ext]
	if !ok {
		f.fail(w, r, Fault{http.StatusNotFound, "There is no such file."})
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	if hash == a.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", a.kind)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.body))
}
