package blob_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/probefleet/probefleet/internal/blob"
)

// bucket stands in for S3: it keeps what is put by its path.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	types   map[string]string
	calls   []string
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, r.Method+" "+r.URL.Path)
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/s3/"):
		http.Error(w, "signed for another region", http.StatusForbidden)
	case r.Method == http.MethodPut:
		data, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b.objects[r.URL.Path], b.types[r.URL.Path] = data, r.Header.Get("Content-Type")
		w.Header().Set("ETag", `"1"`)
	case b.objects[r.URL.Path] == nil:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `<Error><Code>NoSuchKey</Code><Message>no such key</Message></Error>`)
	default:
		w.Header().Set("Content-Type", b.types[r.URL.Path])
		w.Header().Set("Content-Length", strconv.Itoa(len(b.objects[r.URL.Path])))
		_, _ = w.Write(b.objects[r.URL.Path])
	}
}

// A bucket of S3 keeps artifacts as a folder does, by the real SDK over HTTP.
// Nothing is asked for but what the rights of a worker and a console allow.
func TestBucket(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	// Over plain HTTP the SDK would sign trailers that a stand-in has to take apart.
	t.Setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
	b := &bucket{objects: map[string][]byte{}, types: map[string]string{}}
	h := httptest.NewServer(b)
	t.Cleanup(h.Close)
	s := open(t, "s3://artifacts?region=eu-central-1&use_path_style=true&endpoint="+h.URL)
	const key = "runs/2026-03-14/shop/1.webp"
	if err := s.Put(t.Context(), key, "image/webp", []byte("picture")); err != nil {
		t.Fatal(err)
	}
	data, typ, err := s.Get(t.Context(), key)
	if string(data) != "picture" || typ != "image/webp" || err != nil {
		t.Errorf("got %q of type %q, %v", data, typ, err)
	}
	if _, _, err := s.Get(t.Context(), "runs/2026-03-14/none"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("of a key that holds nothing: %v", err)
	}
	want := []string{"PUT /artifacts/" + key, "GET /artifacts/" + key, "GET /artifacts/runs/2026-03-14/none"}
	if !slices.Equal(b.calls, want) {
		t.Errorf("asked for %q, want %q", b.calls, want)
	}
}
