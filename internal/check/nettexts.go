package check

import "strings"

// Map is t with every text that may be a template replaced by what f makes of
// it, as [Request.Map] is. t itself stays as it is.
func (t TCP) Map(f func(path, value string) (string, error)) (TCP, error) {
	m := mapper{f: f}
	m.text("tcp.send", &t.Send)
	return t, m.err
}

// Map is w with every text that may be a template replaced by what f makes of
// it, as [Request.Map] is. w itself stays as it is.
func (w WebSocket) Map(f func(path, value string) (string, error)) (WebSocket, error) {
	m := mapper{f: f}
	m.text("websocket.url", &w.URL)
	w.Headers = m.pairs("websocket.headers", w.Headers)
	m.text("websocket.send", &w.Send)
	return w, m.err
}

// Texts are all templates of a TCP check, nil where its texts are none.
func (t *TCP) Texts() []string {
	if !t.Templates {
		return nil
	}
	return gathered(func(f func(path, value string) (string, error)) { _, _ = t.Map(f) })
}

// Texts are all templates of a WebSocket check, nil where its texts are none.
func (w *WebSocket) Texts() []string {
	if !w.Templates {
		return nil
	}
	return gathered(func(f func(path, value string) (string, error)) { _, _ = w.Map(f) })
}

// gathered are the texts that each goes through.
func gathered(each func(f func(path, value string) (string, error))) (all []string) {
	each(func(_, value string) (string, error) { // it never fails
		all = append(all, value)
		return value, nil
	})
	return all
}

// socketFault says what is wrong with the URL of a WebSocket; one that is a
// template can only be judged where it is filled in.
func (w *WebSocket) socketFault() []Fault {
	if w.Templates && strings.Contains(w.URL, "{{") {
		return nil
	}
	asHTTP := w.URL
	for ws, http := range map[string]string{"ws://": "http://", "wss://": "https://"} {
		if rest, ok := strings.CutPrefix(w.URL, ws); ok {
			asHTTP = http + rest
		}
	}
	switch msg := urlFault(asHTTP); {
	case asHTTP == w.URL && w.URL != "":
		return []Fault{{"websocket.url", "\"" + w.URL + "\" does not start with ws:// or wss://"}}
	case msg != "": // in the words of the scheme that was written
		return []Fault{{"websocket.url", strings.NewReplacer(`"http`, `"ws`, " http", " ws").Replace(msg)}}
	}
	return nil
}
