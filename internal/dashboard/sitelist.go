package dashboard

import "net/http"

// listView names the pages that everybody may read, at an address that none of
// them has.
type listView struct {
	layout
	Rows []listRow
}

type listRow struct {
	Code, Href, Title, Description, Sentence string
}

func (d *Dashboard) serveList(w http.ResponseWriter, r *http.Request) {
	v := d.visited(r)
	d.serve(w, r, func() (*page, error) {
		return v.frame.page("list", func() (*page, error) {
			view := listView{layout: d.bare(v.site, v.site.title)}
			for _, s := range v.site.list {
				o := v.frame.of(s).overall
				view.Rows = append(view.Rows, listRow{o.Mark.Code, s.base + "/", s.title, s.Description, o.Sentence})
			}
			return execute(listPage, http.StatusOK, view)
		})
	})
}

// serveLook serves the theme and the logo of a site. A logo that somebody opens
// by itself runs nothing.
func (d *Dashboard) serveLook(w http.ResponseWriter, r *http.Request) {
	p := d.visited(r).site.look[r.PathValue("name")]
	if p == nil {
		d.serveNothing(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	d.serve(w, r, func() (*page, error) { return p, nil })
}
