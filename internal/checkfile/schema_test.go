package checkfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probefleet/probefleet/internal/check"
	"github.com/santhosh-tekuri/jsonschema/v6"
	yaml "go.yaml.in/yaml/v4"
)

// schemaFile is where a field has to be added that the parser has learnt.
const schemaFile = "internal/checkfile/schema.json"

// node is a part of the schema.
type node map[string]any

func (n node) at(key string) node {
	v, _ := n[key].(map[string]any)
	return v
}

func readSchema(t *testing.T) (root node, judge *jsonschema.Schema) {
	t.Helper()
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(Schema())))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AddResource("check.json", doc); err != nil {
		t.Fatal(err)
	}
	if judge, err = c.Compile("check.json"); err != nil {
		t.Fatal(err)
	}
	return root, judge
}

// accepts is what the schema says of a YAML file.
func accepts(t *testing.T, judge *jsonschema.Schema, text string) error {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	v, err = jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return judge.Validate(v)
}

// resolve follows references, and lists the alternatives.
func (n node) resolve(root node) []node {
	if ref, ok := n["$ref"].(string); ok {
		return root.at("$defs").at(strings.TrimPrefix(ref, "#/$defs/")).resolve(root)
	}
	choices, ok := n["anyOf"].([]any)
	if !ok {
		return []node{n}
	}
	var all []node
	for _, a := range choices {
		all = append(all, node(a.(map[string]any)).resolve(root)...)
	}
	return all
}

// sample is a place in a file with one object of the schema: %s stands for the
// object, as YAML in one line.
type sample struct {
	place string
	def   func(root node) node
}

func def(name string) func(node) node {
	return func(root node) node { return root.at("$defs").at(name) }
}

func in(object string, keys ...string) func(node) node {
	return func(root node) node {
		n := root.at("$defs").at(object)
		for _, k := range keys {
			n = n.at("properties").at(k)
		}
		return n
	}
}

// samples has every object of the schema whose keys are fixed, and a file in
// which it stands.
var samples = map[string]sample{
	"file":             {"%s", func(root node) node { return root }},
	"group":            {"{groups: {g: %s}, checks: [{id: a, icmp: h}]}", def("group")},
	"defaults":         {"{defaults: %s, checks: [{id: a, icmp: h}]}", def("defaults")},
	"check":            {"{checks: [%s]}", def("check")},
	"viewport":         {"{checks: [{id: a, steps: [{open: \"https://a.example/\"}], viewport: %s}]}", in("check", "viewport")},
	"apiStep":          {"{checks: [{id: a, kind: api, steps: [%s]}]}", def("apiStep")},
	"browserStep":      {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, %s]}]}", def("browserStep")},
	"requestObject":    {"{checks: [{id: a, request: %s}]}", def("requestObject")},
	"auth":             {"{checks: [{id: a, request: {url: \"https://a.example/\", auth: %s}}]}", in("requestObject", "auth")},
	"basic":            {"{checks: [{id: a, request: {url: \"https://a.example/\", auth: {basic: %s}}}]}", in("requestObject", "auth", "basic")},
	"oauth2":           {"{checks: [{id: a, request: {url: \"https://a.example/\", auth: {oauth2: %s}}}]}", in("requestObject", "auth", "oauth2")},
	"tls":              {"{checks: [{id: a, request: {url: \"https://a.example/\", tls: %s}}]}", in("requestObject", "tls")},
	"timeouts":         {"{checks: [{id: a, request: {url: \"https://a.example/\", timeouts: %s}}]}", in("requestObject", "timeouts")},
	"part":             {"{checks: [{id: a, request: {url: \"https://a.example/\", multipart: {f: %s}}}]}", def("part")},
	"graphqlObject":    {"{checks: [{id: a, request: {url: \"https://a.example/\", graphql: %s}}]}", def("graphqlObject")},
	"fillObject":       {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {fill: %s}]}]}", def("fillObject")},
	"pressObject":      {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {press: %s}]}]}", def("pressObject")},
	"expectObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {expect: %s}]}]}", def("expectObject")},
	"elementObject":    {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {hover: %s}]}]}", def("elementObject")},
	"clickObject":      {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {click: %s}]}]}", def("clickObject")},
	"scrollObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {scroll: %s}]}]}", def("scrollObject")},
	"selectObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {select: %s}]}]}", def("selectObject")},
	"dragObject":       {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {drag: %s}]}]}", def("dragObject")},
	"uploadObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {upload: %s}]}]}", def("uploadObject")},
	"waitObject":       {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {wait: %s}]}]}", def("waitObject")},
	"dialogObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {dialog: %s}]}]}", def("dialogObject")},
	"storageObject":    {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {storage: %s}]}]}", def("storageObject")},
	"cookieObject":     {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {cookies: {c: %s}}]}]}", def("cookieObject")},
	"uploadFile":       {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {upload: {selector: p, files: [%s]}}]}]}", def("uploadFile")},
	"responseObject":   {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {expect: {response: %s}}]}]}", def("responseObject")},
	"point":            {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {scroll: {to: %s}}]}]}", def("point")},
	"event":            {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {click: a, events: [%s]}]}]}", def("event")},
	"page":             {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {page: %s}]}]}", def("page")},
	"networkObject":    {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {page: {network: %s}}]}]}", def("networkObject")},
	"geolocation":      {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {page: {geolocation: %s}}]}]}", def("geolocation")},
	"mock":             {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {page: {mock: [%s]}}]}]}", def("mock")},
	"pageAuth":         {"{checks: [{id: a, kind: browser, steps: [{open: \"https://a.example/\"}, {page: {auth: %s}}]}]}", in("page", "auth")},
	"recordingObject":  {"{checks: [{id: a, recording: %s}]}", def("recordingObject")},
	"retryObject":      {"{checks: [{id: a, icmp: h, retry: %s}]}", def("retryObject")},
	"alert":            {"{checks: [{id: a, icmp: h, alert: %s}]}", def("alert")},
	"objectiveObject":  {"{checks: [{id: a, icmp: h, objective: %s}]}", def("objectiveObject")},
	"window":           {"{checks: [{id: a, icmp: h, maintenance: [%s]}]}", def("window")},
	"alertAfter":       {"{checks: [{id: a, icmp: h, alert: {after: %s}}]}", in("alert", "after")},
	"tcpObject":        {"{checks: [{id: a, tcp: %s}]}", def("tcpObject")},
	"dnsObject":        {"{checks: [{id: a, dns: %s}]}", def("dnsObject")},
	"tlsObject":        {"{checks: [{id: a, tls: %s}]}", def("tlsObject")},
	"icmpObject":       {"{checks: [{id: a, icmp: %s}]}", def("icmpObject")},
	"grpcObject":       {"{checks: [{id: a, grpc: %s}]}", def("grpcObject")},
	"websocketObject":  {"{checks: [{id: a, websocket: %s}]}", def("websocketObject")},
	"heartbeatObject":  {"{checks: [{id: a, heartbeat: %s}]}", def("heartbeatObject")},
	"tlsClient":        {"{checks: [{id: a, tcp: {address: \"h:1\", tls: %s}}]}", def("tlsClient")},
	"channel":          {"{channels: {ops: %s}}", def("channel")},
	"channelWebhook":   {"{channels: {ops: {webhook: %s}}}", def("channelWebhook")},
	"channelEmail":     {"{channels: {ops: {email: %s}}}", def("channelEmail")},
	"channelSlack":     {"{channels: {ops: {slack: %s}}}", def("channelSlack")},
	"channelPagerDuty": {"{channels: {ops: {pagerduty: %s}}}", def("channelPagerDuty")},
	"channelDeadMan":   {"{channels: {ops: {dead_man: %s}}}", def("channelDeadMan")},
	"channelStorm":     {"{channels: {ops: {storm: %s}}}", def("channelStorm")},
	"channelRate":      {"{channels: {ops: {rate: %s}}}", def("channelRate")},
	"statusPage":       {"{pages: [%s]}", def("statusPage")},
	"pageAccent":       {"{pages: [{slug: a, title: A, accent: %s}]}", def("pageAccent")},

	"pageSubscriptions": {"{pages: [{slug: a, title: A, hosts: [a.example], subscriptions: %s}]}", def("pageSubscriptions")},
	"channelQuiet":      {"{channels: {ops: {quiet: %s}}}", def("channelQuiet")},
}

var keysOf = regexp.MustCompile(`(?:keys: |its keys are )([a-z0-9_, ]+)`)

// The parser and the schema know the same keys at every place. The parser is
// asked by a key that nobody knows: it answers with those that it does.
func TestSchemaHasTheParsersKeys(t *testing.T) {
	root, _ := readSchema(t)
	for name, s := range samples {
		object := s.def(root)
		if object["additionalProperties"] != false {
			t.Errorf("%s of %s takes any key", name, schemaFile)
			continue
		}
		_, err := Parse("f", fmt.Appendf(nil, s.place, "{zzzzzz: 1}"), Options{})
		m := keysOf.FindStringSubmatch(fmt.Sprint(err))
		if m == nil {
			t.Errorf("%s: the parser does not name its keys: %v", name, err)
			continue
		}
		parser := strings.Split(m[1], ", ")
		ours := slices.Collect(maps.Keys(object.at("properties")))
		for _, k := range parser {
			if !slices.Contains(ours, k) {
				t.Errorf("the parser knows %q in %s, and the schema does not: add it to %s, under %s", k, name, schemaFile, name)
			}
		}
		for _, k := range ours {
			if !slices.Contains(parser, k) {
				t.Errorf("the schema knows %q in %s, and the parser does not: take it out of %s", k, name, schemaFile)
			}
		}
	}
}

// Every object of the schema is among the samples: a new one has to be put
// there, with the place where it stands.
func TestEveryObjectOfTheSchemaIsSampled(t *testing.T) {
	root, _ := readSchema(t)
	known := map[string]bool{}
	for _, s := range samples {
		known[fmt.Sprint(s.def(root).at("properties"))] = true
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			props, isObject := v["properties"].(map[string]any)
			if _, typed := v["type"]; isObject && typed && !known[fmt.Sprint(node(v).at("properties"))] {
				t.Errorf("%s has keys %v, and is not among the samples of schema_test.go: put it there", path, slices.Sorted(maps.Keys(props)))
			}
			for k, x := range v {
				walk(path+"/"+k, x)
			}
		case []any:
			for i, x := range v {
				walk(fmt.Sprintf("%s/%d", path, i), x)
			}
		}
	}
	walk(schemaFile, map[string]any(root))
}

// Whatever the parser takes the schema takes, and the other way round as far as
// a schema can tell: by every file of the tests.
func TestSchemaTakesWhatTheParserTakes(t *testing.T) {
	_, judge := readSchema(t)
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range append(files, "../../examples/checks/shop.yaml", "../../examples/checks/network.yaml", "../../cmd/probefleet/starter/checks/website.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(t, judge, string(data)); err != nil {
			t.Errorf("%s: the parser takes it, and %s does not: %v", name, schemaFile, err)
		}
	}
	for _, c := range everything() {
		files, err := Write([]check.Check{c})
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(t, judge, string(files[0])); err != nil {
			t.Errorf("%s: %v in:\n%s", c.ID, err, files[0])
		}
	}
}

// wrong are values that each sort of property must refuse, parser and schema
// alike.
func wrong(n node, root node) []string {
	alternatives := n.resolve(root)
	if slices.ContainsFunc(alternatives, func(a node) bool { return a["x-any"] == true }) {
		return nil
	}
	values := []string{"null"}
	has := func(typ string) bool {
		return slices.ContainsFunc(alternatives, func(a node) bool {
			switch v := a["type"].(type) {
			case string:
				return v == typ
			case []any:
				return slices.Contains(v, any(typ))
			}
			return false
		})
	}
	if !has("array") {
		values = append(values, "[x]")
	}
	if !has("object") {
		values = append(values, "{a: b}")
	}
	if !has("string") && !slices.ContainsFunc(alternatives, func(a node) bool { return a["enum"] != nil || a["pattern"] != nil }) {
		values = append(values, "perhaps")
	}
	for _, a := range alternatives {
		if max, ok := a["maximum"].(float64); ok {
			values = append(values, fmt.Sprint(max+1))
		}
		if a["enum"] != nil {
			values = append(values, "nonsense")
		}
	}
	return values
}

// What is of the wrong type, out of range or unknown is refused by both.
func TestParserAndSchemaRefuseTheSame(t *testing.T) {
	root, judge := readSchema(t)
	n := 0
	for name, s := range samples {
		object := s.def(root)
		for key := range object.at("properties") {
			for _, value := range wrong(object.at("properties").at(key), root) {
				text := fmt.Sprintf(s.place, fmt.Sprintf("{%s: %s}", key, value))
				if err := accepts(t, judge, text); err == nil {
					t.Errorf("%s takes %s", schemaFile, text)
				}
				if _, err := Parse("f", []byte(text), Options{}); err == nil {
					t.Errorf("the parser takes %s (%s)", text, name)
				}
				n++
			}
		}
		if err := accepts(t, judge, fmt.Sprintf(s.place, "{zzzzzz: 1}")); err == nil {
			t.Errorf("%s takes an unknown key in %s", schemaFile, name)
		}
	}
	if n < 100 {
		t.Errorf("only %d values were tried", n)
	}
}
