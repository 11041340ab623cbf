package checkfile

import (
	"encoding/base64"
	"fmt"
	"mime"
	"path/filepath"
	"slices"

	"github.com/probefleet/probefleet/internal/check"
	yaml "go.yaml.in/yaml/v4"
)

// fileKeys say what one file is.
var fileKeys = []string{"file", "name", "content", "base64", "type"}

// upload reads `upload: {selector: …, file: PATH}`, `…, name: N, content: C}`
// or `…, files: […]}` with a list of either.
func (o *object) upload(f *field) (check.Step, bool) {
	s := check.Step{Action: check.ActionUpload}
	before := len(o.d.loader.faults)
	path := o.path + f.name
	// name is the file's here, not the accessible name.
	known := slices.Concat(locatorKeys, []string{"file", "content", "base64", "type", "files"})
	p, ok := o.d.object(f.value, path, path, known)
	if !ok {
		return s, false
	}
	if p.has("files") {
		for _, key := range fileKeys {
			if p.has(key) {
				o.d.fault(p.field(key).key, "%s has both files and %s; a list has what its files have", path, key)
			}
		}
		items, _ := p.list("files")
		for i, n := range items {
			s.Files = append(s.Files, o.d.uploaded(n, fmt.Sprintf("%s.files[%d]", path, i)))
		}
	} else {
		s.Files = []check.File{p.file()}
	}
	p.fields = slices.DeleteFunc(p.fields, func(f field) bool { return f.name == "name" })
	p.locator(&s, true)
	return s, len(o.d.loader.faults) == before
}

func (d *decoder) uploaded(n *yaml.Node, path string) check.File {
	o, ok := d.object(n, path, path, fileKeys)
	if !ok {
		return check.File{}
	}
	return o.file()
}

// file reads a file: one that lies beside the check file, or its content.
func (o *object) file() check.File {
	var file check.File
	var path, content string
	o.text("file", &path)
	o.text("content", &content)
	o.text("base64", &content)
	o.text("type", &file.Type)
	var ways []string
	for _, key := range []string{"file", "content", "base64"} {
		if o.has(key) {
			ways = append(ways, key)
		}
	}
	if len(ways) != 1 {
		o.d.fault(o.node, "%s wants `file: PATH`, or `name: …` and `content: …` or `base64: …`", o.path[:max(0, len(o.path)-1)])
		return file
	}
	switch ways[0] {
	case "file":
		file.Name = filepath.Base(path)
		file.Content, _ = o.d.beside(o.value("file"), path, check.MaxUpload)
	case "base64":
		data, err := base64.StdEncoding.DecodeString(content)
		if err != nil {
			o.d.fault(o.value("base64"), "%sbase64: %v", o.path, err)
		}
		o.text("name", &file.Name)
		file.Content = data
	default:
		o.text("name", &file.Name)
		file.Content = []byte(content)
	}
	if !o.has("type") {
		file.Type = mime.TypeByExtension(filepath.Ext(file.Name))
	}
	return file
}
