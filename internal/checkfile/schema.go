package checkfile

import _ "embed"

//go:embed schema.json
var schema []byte

// Schema is the JSON Schema (draft 2020-12) of a check file, for editors. It
// says what the parser says of keys, types and bounds, as far as a schema can:
// a file that the schema refuses is refused by the parser too. Unique ids,
// expressions and addresses are the parser's alone.
func Schema() []byte { return schema }
