package codec

import "github.com/probefleet/probefleet/internal/jobs"

type evidenceV1 struct {
	Response  *responseV1  `json:"response,omitempty"`
	Page      *pageV1      `json:"page,omitempty"`
	Console   []consoleV1  `json:"console,omitempty"`
	Artifacts []artifactV1 `json:"artifacts,omitempty"`
}

type responseV1 struct {
	Status     int               `json:"status,omitempty"`
	Proto      string            `json:"proto,omitempty"`
	Headers    map[string]string `json:"headers,omitempty"`
	Excerpt    string            `json:"excerpt,omitempty"`
	Size       int64             `json:"size,omitempty"`
	RemoteAddr string            `json:"remote_addr,omitempty"`
	URL        string            `json:"url,omitempty"`
	Redirects  int               `json:"redirects,omitempty"`
	TLS        *tlsV1            `json:"tls,omitempty"`
}

type tlsV1 struct {
	Version  string    `json:"version,omitempty"`
	Issuer   string    `json:"issuer,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	NotAfter timestamp `json:"not_after,omitzero"`
}

type pageV1 struct {
	URL   string `json:"url,omitempty"`
	Title string `json:"title,omitempty"`
}

type consoleV1 struct {
	Level string `json:"level,omitempty"`
	Text  string `json:"text,omitempty"`
	URL   string `json:"url,omitempty"`
	Line  int    `json:"line,omitempty"`
}

type artifactV1 struct {
	Name        string `json:"name,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Key         string `json:"key,omitempty"`
	Size        int64  `json:"size,omitempty"`
}

func newEvidenceV1(e jobs.Evidence) evidenceV1 {
	w := evidenceV1{
		Page:      (*pageV1)(e.Page),
		Console:   each(e.Console, func(c jobs.ConsoleEntry) consoleV1 { return consoleV1(c) }),
		Artifacts: each(e.Artifacts, func(a jobs.Artifact) artifactV1 { return artifactV1(a) }),
	}
	if r := e.Response; r != nil {
		w.Response = &responseV1{
			Status: r.Status, Proto: r.Proto, Headers: distinctKeys(r.Headers), Excerpt: r.Excerpt, Size: r.Size,
			RemoteAddr: r.RemoteAddr, URL: r.URL, Redirects: r.Redirects,
		}
		if t := r.TLS; t != nil {
			w.Response.TLS = &tlsV1{Version: t.Version, Issuer: t.Issuer, Subject: t.Subject, NotAfter: stamp(t.NotAfter)}
		}
	}
	return w
}

func (w evidenceV1) evidence() jobs.Evidence {
	e := jobs.Evidence{
		Page:      (*jobs.Page)(w.Page),
		Console:   each(w.Console, func(c consoleV1) jobs.ConsoleEntry { return jobs.ConsoleEntry(c) }),
		Artifacts: each(w.Artifacts, func(a artifactV1) jobs.Artifact { return jobs.Artifact(a) }),
	}
	if r := w.Response; r != nil {
		e.Response = &jobs.Response{
			Status: r.Status, Proto: r.Proto, Headers: someKeys(r.Headers), Excerpt: r.Excerpt, Size: r.Size,
			RemoteAddr: r.RemoteAddr, URL: r.URL, Redirects: r.Redirects,
		}
		if t := r.TLS; t != nil {
			e.Response.TLS = &jobs.TLS{Version: t.Version, Issuer: t.Issuer, Subject: t.Subject, NotAfter: t.NotAfter.Time}
		}
	}
	return e
}
