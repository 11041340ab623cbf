package checkfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probefleet/probefleet/internal/check"
)

// Load reads files, and every *.yaml and *.yml file in and below folders, in
// the order of their names; files and folders whose name begins with a dot are
// left alone unless they are named in paths. Ids are unique over all files. The
// error is [Faults], with the faults of all files, and there are no checks then.
func Load(paths []string, o Options) ([]check.Check, error) {
	f, err := LoadAll(paths, o)
	return f.Checks, err
}

// LoadAll is [Load] with the channels and pages of the files.
func LoadAll(paths []string, o Options) (File, error) {
	l := newLoader(o)
	if len(paths) == 0 {
		l.fault("checks", 0, 0, "no file or folder is named; name one, such as checks/")
	}
	read := map[string]bool{}
	for _, p := range paths {
		files, err := find(p)
		if err != nil {
			l.unreadable(p, err)
			continue
		}
		if len(files) == 0 {
			l.fault(p, 0, 0, "the folder has no *.yaml or *.yml file")
		}
		for _, f := range files {
			if clean := filepath.Clean(f); !read[clean] {
				read[clean] = true
				l.open(f)
			}
		}
	}
	checks, err := l.result()
	return File{checks, l.channels, l.pages}, err
}

// find lists the files that path stands for.
func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	var files []string
	// WalkDir goes by name.
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		hidden := p != path && strings.HasPrefix(d.Name(), ".")
		switch ext := filepath.Ext(p); {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return filepath.SkipDir
		case hidden || d.IsDir():
		case ext == ".yaml" || ext == ".yml":
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

func (l *loader) open(path string) {
	f, err := os.Open(path) //nolint:gosec // the file that was asked for
	if err != nil {
		l.unreadable(path, err)
		return
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		l.unreadable(path, err)
		return
	}
	l.file(path, data)
}

func (l *loader) unreadable(path string, err error) {
	var pe *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		l.fault(path, 0, 0, "there is no such file or folder; check the path")
	case errors.Is(err, fs.ErrPermission):
		l.fault(path, 0, 0, "may not be read; check its permissions")
	case errors.As(err, &pe):
		l.fault(pe.Path, 0, 0, "cannot be read: %v", pe.Err)
	default:
		l.fault(path, 0, 0, "cannot be read: %v", err)
	}
}
