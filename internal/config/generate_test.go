package config

import (
	"fmt"
	"regexp"
	"strings"
)

// The generators of config.example.yaml and docs/config.md.

const exampleHead = `# ampersink: change events in, CRM records out.
#
# Every key, its default and why. A key behind a # is off and shows its default, or an example
# where it has none; where the key is there already, it shows another form of it. Remove the #
# to change it. What is not off has to be decided by you, or is decided as an example.
#
# In every value ${NAME} is an environment variable, ${file:PATH} the content of a file, and
# $${ the text ${. Run "ampersink validate --config FILE" after an edit.
#
# Made from internal/config by: go test ./internal/config -run TestReference -update

`

// lineWidth is where comments of the example wrap, in characters.
const lineWidth = 96

var (
	skeletonLine = regexp.MustCompile(`^( *)(#?)(- )?([A-Za-z_]+):(.*)$`)
	flowKey      = regexp.MustCompile(`[{,] ?([a-z_]+):`)
)

// exampleFile puts above every key of the skeleton, at its first time, what the
// reference says of it.
func exampleFile(ref *reference, skeleton string) string {
	var b strings.Builder
	b.WriteString(exampleHead)
	said := make(map[string]bool)
	var stack []string // the path of each indent of two
	for line := range strings.Lines(skeleton) {
		line = strings.TrimRight(line, "\n")
		m := skeletonLine.FindStringSubmatch(line)
		if m == nil {
			b.WriteString(strings.Replace(line, "##", "#", 1) + "\n")
			continue
		}
		indent, off, item, key, value := m[1], m[2] != "", m[3], m[4], m[5]
		depth := len(indent) / 2
		if item != "" {
			stack = append(stack[:depth], stack[depth-1]+"[]")
			depth++
		}
		path := key
		if depth > 0 {
			path = stack[depth-1] + "." + key
		}
		if strings.HasSuffix(parent(path), "routes[].fields") {
			path = parent(path) + ".*"
		}
		stack = append(stack[:depth], path)
		if row, ok := ref.byPath[path]; ok && !said[path] {
			said[path] = true
			writeComment(&b, indent, sentence(row, off))
		}
		for _, m := range flowKey.FindAllStringSubmatch(value, -1) {
			if row, ok := ref.byPath[path+"."+m[1]]; ok && !said[row.path] {
				said[row.path] = true
				writeComment(&b, indent, m[1]+": "+lowerFirst(row.what))
			}
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// sentence says everything of a row, its default unless the line shows it.
func sentence(row *row, off bool) string {
	parts := []string{row.what}
	if len(row.words) > 0 {
		parts = append(parts, "Values: "+strings.Join(row.words, ", ")+".")
	}
	if row.span != "" {
		parts = append(parts, "Range: "+describeSpan(row.span)+".")
	}
	switch {
	case row.fallback != "" && !off:
		parts = append(parts, "Default: "+row.fallback+".")
	case row.derived != "":
		parts = append(parts, "Default: "+row.derived+".")
	case row.fallback == "" && off && row.form != formSection && !row.required:
		parts = append(parts, "No default.")
	}
	if row.why != "" {
		parts = append(parts, row.why)
	}
	return strings.Join(parts, " ")
}

func writeComment(b *strings.Builder, indent, text string) {
	line := indent + "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > lineWidth {
			b.WriteString(line + "\n")
			line = indent + "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

const pageHead = `# Configuration

Made from internal/config by ` + "`go test ./internal/config -run TestReference -update`" + `; edit the reference there.
[config.example.yaml](../config.example.yaml) is the same as a file to start from.

One YAML file, checked as a whole before anything starts: an unknown key, a wrong type, a missing secret or an
impossible combination ends with exit code 2 and one line per problem, all of them at once:

    config.yaml:31:7: routes[0].batch.sise: unknown key; did you mean "size"?

## Values

| form | written as |
| --- | --- |
| text, word, field | ` + "`name`, `\"007\"`" + `: numbers, true and false need quotes to be a text |
| field | a column, or a path into it: ` + "`address.city`" + ` |
| duration | ` + "`200ms`, `30s`, `5m`, `1h30m`" + ` |
| size | ` + "`512KiB`, `8MB`, `32MiB`" + `, or a number of bytes |
| secret | a text that is never shown: not in a message, the log or ` + "`/status`" + ` |

In every value (not in keys) ` + "`${NAME}`" + ` is replaced by the environment variable and ` + "`${file:PATH}`" + ` by the content of
the file without the line breaks at its end; a relative path starts at the working directory. ` + "`$${`" + ` is the text
` + "`${`" + `. A variable that is not set, a file that cannot be read and a text that is
only ` + "`$NAME`" + `, without braces, are problems. Replacing happens after the YAML was
read, so a value cannot add keys. A message never shows what a reference stands for.

Aliases (` + "`&name`, `*name`" + `) work for whole values; merge keys (` + "`<<`" + `) and tags (` + "`!name`" + `) are refused.
A section without keys is one with all defaults, and a section may be left out where nothing in it is required.

## What no key changes

- Order is that of a partition: one key in two partitions has none.
- A request that was given up for lost may still be applied by what stands between here and the CRM; nothing can order
  what comes after it.
- Debezium's converters write a column's default for NULL unless told otherwise (` + "`replace.null.with.default=false`" + `);
  the sink cannot tell the two apart.
- A pattern of topics matches the whole name. Our own topics, of dead letters and of the ledger, are never consumed,
  whatever it matches.
- One process does not create two records for rows that share a match value. Across members, and so across topics and
  partitions, nothing promises that: each may search, find nothing, and create.
- A CRM's search index lags its writes: a search that finds nothing proves nothing until ` + "`search.index_lag`" + ` has passed.
  Where the index lags longer than that, a create whose answer was lost can become a second record.
- The ledger's topic is the memory of which record a row is, and it is compacted. Never delete it and never let retention
  shorten it; back it up with ` + "`ampersink ledger export`" + `. A group that has offsets and no ledger does not start.
`

const pageRules = `
## Checked together

- ` + "`on_update: update`, `on_delete: delete`" + ` and fields to set instead need ` + "`id`" + `; so do the delete that a tombstone asks for,
  and ` + "`upsert`" + `.
- ` + "`on_update: upsert`" + ` needs the ledger or a match: by a field alone each update of a row that has no id yet would create it
  once more.
- ` + "`identity_space`, `on_unknown_delete`, `on_conflict` and `on_gone`" + ` only go with the ledger or a match, ` + "`search`" + ` with a
  match, ` + "`on_group_change`" + ` with the ledger, ` + "`on_missing_parent` and `parent_patience` with an `id_of`" + `.
- The route that an ` + "`id_of`" + ` names has the ledger in its ` + "`id`" + `, takes one topic by name or has an ` + "`identity_space`" + `, names its
  ` + "`key`" + `, of which each field is given, and writes to the same integration and not for another fixed group.
- Routes that name one ` + "`identity_space`" + ` of one object name the same fields in ` + "`key`" + `: a key has their names in it.
- ` + "`operation`" + ` only goes with ` + "`envelope: plain`" + `.
- Names of routes, and of rules under ` + "`skip`" + `, are unique.
- Routes that can write to the same destination (integration, object, and a group that both fix to the same or that one of
  them takes from the row) agree on ` + "`batch`, `mode` and `headers`" + `, because they share its lane.
- No topic that is listed by name is one of our dead-letter topics or the ledger's, or is skipped by a rule. The ledger's is
  no dead-letter topic.
- ` + "`batch.in_flight` is not above `limits.requests`, `batch.bytes` not above `limits.memory`" + `.
- ` + "`flood.keys` is not above `flood.window`" + `, unless the guard is off.
- ` + "`retry.initial` is not above `retry.max`, and that not above `retry.patience`" + `.
- A ` + "`format` other than `json` needs `kafka.schema_registry`" + `, whose user and password go together and travel over https, unless the
  host is this machine or the configuration says that they may be readable.
- ` + "`kafka.tls.cert` and `kafka.tls.key`" + ` go together; SASL ` + "`plain`" + ` needs TLS, and the API's address https, unless the host is
  this machine or the configuration says that it may be readable.
`

// referencePage is one table per section.
func referencePage(ref *reference) string {
	var b strings.Builder
	b.WriteString(pageHead)
	var top []string
	b.WriteString("\n## At the top\n" + tableHead)
	for _, name := range ref.children[""] {
		writeRow(&b, ref.row(name), name)
		if row := ref.row(name); row.form == formSection || row.form == formSections {
			top = append(top, name)
		}
	}
	for _, name := range top {
		fmt.Fprintf(&b, "\n## %s\n", name)
		b.WriteString(tableHead)
		for i := range ref.rows {
			if short, ok := strings.CutPrefix(ref.rows[i].path, name); ok && short != "" && (short[0] == '.' || short[0] == '[') {
				writeRow(&b, &ref.rows[i], strings.TrimPrefix(strings.TrimPrefix(short, "[]"), "."))
			}
		}
	}
	return b.String() + pageRules
}

const tableHead = `
| key | form | default | meaning |
| --- | --- | --- | --- |
`

func writeRow(b *strings.Builder, row *row, short string) {
	kind := string(row.form)
	if len(row.words) > 0 {
		kind = "`" + strings.Join(row.words, "`, `") + "`"
		switch row.form {
		case formOnDelete:
			kind += ", or fields to set instead"
		case formFormats:
			kind += ", or {key, value}"
		}
	}
	if row.span != "" {
		kind += ", " + describeSpan(row.span)
	}
	standard := row.derived
	switch {
	case row.required:
		standard = "required"
	case row.fallback != "":
		standard = "`" + strings.Trim(row.fallback, `"`) + "`"
	}
	cell := func(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", short, cell(kind), cell(standard), cell(strings.TrimSpace(row.what+" "+row.why)))
}
