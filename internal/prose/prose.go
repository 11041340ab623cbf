// Package prose turns the Markdown that people write about incidents into HTML
// that strangers may be shown. It refuses raw HTML, pictures, and links to
// anything but web pages and mail addresses: whatever is written, nothing is
// executed and nothing is fetched from elsewhere.
package prose

import (
	"bytes"
	"html/template"
	"net/url"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// headingShift makes the highest heading of a text an h4: the page around it
// has the others.
const headingShift = 3

var converter = goldmark.New(
	goldmark.WithExtensions(extension.Strikethrough, extension.Table, extension.Linkify),
	goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(tamer{}, 1000))),
)

// HTML is the text as HTML.
func HTML(markdown string) template.HTML {
	var b bytes.Buffer
	if err := converter.Convert([]byte(markdown), &b); err != nil {
		// Writing into memory does not fail; were it to, plain text is safe.
		return template.HTML("<p>" + template.HTMLEscapeString(markdown) + "</p>") //nolint:gosec // escaped
	}
	return template.HTML(b.String()) //nolint:gosec // the converter writes no raw HTML, and tamer no dangerous link
}

// Text is the text without its markup, on one line, for feeds and mails.
func Text(markdown string) string {
	source := []byte(markdown)
	var b strings.Builder
	_ = ast.Walk(converter.Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) { //nolint:errcheck // the function answers no error
		if !entering {
			if n.Type() == ast.TypeBlock {
				b.WriteByte(' ')
			}
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(source))
		case *ast.CodeBlock, *ast.FencedCodeBlock, *ast.HTMLBlock:
			b.Write(n.Lines().Value(source))
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}

// tamer takes out of a document what HTML must not hold.
type tamer struct{}

// Transform implements [parser.ASTTransformer].
func (tamer) Transform(doc *ast.Document, r text.Reader, _ parser.Context) {
	var found []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { //nolint:errcheck // the function answers no error
		if entering {
			found = append(found, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range found {
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(6, n.Level+headingShift)
		case *ast.Image: // a picture tells its host who reads the page
			unwrap(n)
		case *ast.Link:
			if !allowed(string(n.Destination)) {
				unwrap(n)
				continue
			}
			n.SetAttributeString("rel", []byte("nofollow noopener noreferrer"))
		case *ast.AutoLink:
			if u := n.URL(r.Source()); n.AutoLinkType != ast.AutoLinkEmail && !allowed(string(u)) {
				n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(escaped(n.Label(r.Source()))))
				continue
			}
			n.SetAttributeString("rel", []byte("nofollow noopener noreferrer"))
		case *ast.HTMLBlock:
			raw := n.Lines().Value(r.Source())
			if n.HasClosure() {
				raw = append(raw, n.ClosureLine.Value(r.Source())...)
			}
			p := ast.NewParagraph()
			p.AppendChild(p, ast.NewString(escaped(bytes.TrimSpace(raw))))
			n.Parent().ReplaceChild(n.Parent(), n, p)
		case *ast.RawHTML:
			n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(escaped(n.Segments.Value(r.Source()))))
		}
	}
}

func escaped(b []byte) []byte { return []byte(template.HTMLEscapeString(string(b))) }

// unwrap puts what is in a node in its place.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for c := n.FirstChild(); c != nil; {
		next := c.NextSibling()
		parent.InsertBefore(parent, n, c)
		c = next
	}
	parent.RemoveChild(parent, n)
}

// allowed reports whether a link may lead there.
func allowed(address string) bool {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return true
	}
	return false
}
