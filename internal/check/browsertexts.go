package check

import (
	"fmt"
	"slices"
)

// Map is b with every text of its steps and page settings that may be a
// template replaced by what f makes of it, in a fixed order, up to the first
// error. path names the step in the words of the check file. b itself stays as
// it is.
func (b *Browser) Map(f func(path, value string) (string, error)) (*Browser, error) {
	m := mapper{f: f}
	c := *b
	c.Page = m.page("page", b.Page)
	c.Steps = slices.Clone(b.Steps)
	for i := range c.Steps {
		s := &c.Steps[i]
		at := fmt.Sprintf("steps[%d].%s", i, s.Action)
		for _, text := range []*string{&s.Selector, &s.Value, &s.Target, &s.Iframe, &s.To} {
			m.text(at, text)
		}
		s.Selectors = slices.Clone(s.Selectors)
		for k := range s.Selectors {
			s.Selectors[k] = m.list(at, s.Selectors[k])
		}
		s.Values = m.list(at, s.Values)
		s.Pairs = m.pairs(at, s.Pairs)
		s.Events = slices.Clone(s.Events)
		for k := range s.Events {
			m.text(at, &s.Events[k].URL)
		}
		s.Cookies = slices.Clone(s.Cookies)
		for k := range s.Cookies {
			m.text(at, &s.Cookies[k].Value)
			m.text(at, &s.Cookies[k].URL)
		}
		s.Page = m.page(at, s.Page)
	}
	return &c, m.err
}

func (m *mapper) list(path string, values []string) []string {
	values = slices.Clone(values)
	for i := range values {
		m.text(path, &values[i])
	}
	return values
}

func (m *mapper) page(path string, p *Page) *Page {
	if p == nil {
		return nil
	}
	c := *p
	m.text(path, &c.User)
	m.text(path, &c.Password)
	c.Headers = m.pairs(path, c.Headers)
	c.Mocks = slices.Clone(c.Mocks)
	for i := range c.Mocks {
		m.text(path, &c.Mocks[i].URL)
		m.text(path, &c.Mocks[i].Body)
		c.Mocks[i].Headers = m.pairs(path, c.Mocks[i].Headers)
	}
	return &c
}

// Texts are the texts that may be templates; none where there are no templates.
func (b *Browser) Texts() []string {
	if !b.Templates {
		return nil
	}
	var texts []string
	_, _ = b.Map(func(_, value string) (string, error) {
		texts = append(texts, value)
		return value, nil
	})
	return texts
}
