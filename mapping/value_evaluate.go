package mapping

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/vm"

	"github.com/ampersink/ampersink/internal/model"
)

// evaluator evaluates expressions, one at a time. What it keeps between rows is
// bounded by what an expression is handed.
type evaluator struct {
	vm  vm.VM
	env map[string]any
	row map[string]any
}

// evaluate evaluates the expression of a field over the located row. A column
// that is missing, or Debezium's placeholder, leaves the field out.
func (m *Mapper) evaluate(f *field, of datum) (d datum, st status, why *model.Reason) {
	e := f.treat.expr
	st, name, why := m.load(e)
	if why != nil || st == absent || st == placeholder {
		return d, st, why
	}
	if st == duplicate {
		return d, st, twice(name)
	}
	if f.source != nil {
		known, want := m.finder.any(of, e.longest)
		if want != "" {
			return d, found, refusal(codeExpression, f.from(), "the expression for the CRM's field %q cannot take the value (%s); expected %s", f.to, m.show(of), want)
		}
		m.evaluator.env[nameValue] = known
	}
	result, err := m.evaluator.vm.Run(e.program, m.evaluator.env)
	if err != nil {
		return d, found, refusal(codeExpression, f.from(), "the expression for the CRM's field %q fails (%s); expected a row that it can work on", f.to, bounded(plainError(err).Error()))
	}
	d, want := m.finder.datumOf(result)
	if want != "" {
		return d, found, refusal(codeExpression, f.from(), "the expression for the CRM's field %q yields %T; expected %s", f.to, result, want)
	}
	return d, found, nil
}

// load fills the environment with the columns that an expression uses.
func (m *Mapper) load(e *expression) (status, string, *model.Reason) {
	ev := &m.evaluator
	if ev.env == nil {
		ev.env, ev.row = make(map[string]any), make(map[string]any)
		ev.vm.MemoryBudget = maxElements
	}
	clear(ev.env)
	clear(ev.row)
	ev.env[nameRow], ev.env[nameOperation] = ev.row, m.operation
	for i := range e.columns {
		c := &e.columns[i]
		in := m.fieldValue(m.bound, m.change, c.source)
		if in.status == absent && c.optional {
			in = fieldInput{value: value{raw: []byte("null"), kind: kindNull}, status: found}
		}
		if in.status != found {
			return in.status, c.name, nil
		}
		d, want := m.finder.understand(in.value, in.typ)
		var known any
		if want == "" {
			known, want = m.finder.any(d, e.longest)
		}
		if want != "" {
			return found, c.name, refusal(codeExpression, c.name, "an expression cannot take the value of the column (%s, %s); expected %s",
				in.value.kind, excerpt(in.value.raw, 0), want)
		}
		ev.row[c.name] = known
		if _, reserved := ev.env[c.name]; !reserved {
			ev.env[c.name] = known
		}
	}
	return found, "", nil
}

// holds evaluates the condition of a route. Of a delete it may ask for what the
// record does not prove: then it holds, since a delete of what the CRM does not
// have finds nothing, and one that is left out would never come again.
func (m *Mapper) holds(e *expression) (bool, *model.Reason) {
	const key = "when"
	st, name, why := m.load(e)
	switch {
	case why != nil:
		return false, why
	case st == duplicate:
		return false, twice(name)
	case st == absent && (m.change.op == opDelete || m.change.op == opTombstone):
		return true, nil
	case st == absent:
		return false, refusal(codeExpression, name, "when: asks for the column, which is not in the row; expected it, or row?.%s for one that may be missing", bounded(name))
	case st == placeholder:
		return false, refusal(codeExpression, name, "when: asks for the column, which is Debezium's placeholder for an unchanged value; expected the value itself")
	}
	result, err := m.evaluator.vm.Run(e.program, m.evaluator.env)
	if err != nil {
		return false, refusal(codeExpression, key, "when: fails (%s); expected a row that it can work on", bounded(plainError(err).Error()))
	}
	yes, ok := result.(bool)
	if !ok {
		return false, refusal(codeExpression, key, "when: yields %T; expected true or false", result)
	}
	return yes, nil
}

// any returns a datum as expressions know it: numbers that are whole and fit as
// int, others as float64, which has 15 to 17 digits.
func (f *finder) any(d datum, longest int) (known any, want string) {
	if len(d.text) > longest || d.kind == datumNested && len(d.json) > longest {
		return nil, fmt.Sprintf("at most %d bytes", longest)
	}
	switch d.kind {
	case datumNull:
		return nil, ""
	case datumBoolean:
		return d.yes, ""
	case datumNumber:
		if n, ok := integer(d.text); ok {
			return int(n), ""
		}
		n, err := strconv.ParseFloat(string(d.text), 64)
		if err != nil {
			return nil, "a number that a float64 can hold"
		}
		return n, ""
	case datumText:
		return string(d.text), ""
	case datumDate, datumMoment:
		return time.Unix(d.sec, d.ns).UTC(), ""
	case datumNotFinite:
		return nil, "a finite value"
	case datumNested:
		return f.nestedAny(d)
	}
	return string(d.appendText(nil)), ""
}

// nestedAny returns an array or an object as expressions know it.
func (f *finder) nestedAny(d datum) (known any, want string) {
	raw := d.json
	if d.typ != nil {
		from := len(f.arena)
		if f.arena, want = f.appendNested(f.arena, raw, d.typ); want != "" {
			return nil, want
		}
		raw = f.arena[from:]
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return nil, "numbers that a float64 can hold"
	}
	if elements(known) > maxElements {
		return nil, fmt.Sprintf("at most %d elements", maxElements)
	}
	return known, ""
}

func elements(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, below := range v {
			n += elements(below)
		}
	case map[string]any:
		for _, below := range v {
			n += elements(below)
		}
	}
	return n
}

// datumOf returns what an expression yields.
func (f *finder) datumOf(result any) (d datum, want string) {
	from := len(f.arena)
	switch v := result.(type) {
	case nil:
		return datum{}, ""
	case bool:
		return datum{kind: datumBoolean, yes: v}, ""
	case int:
		f.arena = strconv.AppendInt(f.arena, int64(v), 10)
		return datum{kind: datumNumber, text: f.arena[from:]}, ""
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return datum{kind: datumNotFinite, text: strconv.AppendFloat(nil, v, 'g', -1, 64)}, ""
		}
		f.arena = appendFloat(f.arena, v)
		return datum{kind: datumNumber, text: f.arena[from:]}, ""
	case string:
		if len(v) > maxText {
			return d, fmt.Sprintf("at most %d bytes", maxText)
		}
		if !utf8.ValidString(v) {
			return d, "text that is UTF-8"
		}
		f.arena = append(f.arena, v...)
		return datum{kind: datumText, text: f.arena[from:]}, ""
	case time.Time:
		utc := v.UTC()
		return moment(utc.Unix(), int64(utc.Nanosecond())), ""
	case time.Duration:
		return datum{kind: datumDuration, sec: int64(v / time.Second), ns: int64(v % time.Second)}, ""
	case []any, map[string]any, []string, []int, []float64:
		raw, err := json.Marshal(v)
		if err != nil || len(raw) > maxText || !utf8.Valid(raw) {
			return d, fmt.Sprintf("values that JSON has, in at most %d bytes", maxText)
		}
		return datum{kind: datumNested, json: raw}, ""
	}
	return d, "a boolean, a number, a text, a time, an array or an object"
}

// appendFloat writes a float without an exponent where that is short.
func appendFloat(dst []byte, v float64) []byte { return appendFloatBits(dst, v, 64) }

// appendFloatBits is appendFloat for a number that has so many bits.
func appendFloatBits(dst []byte, v float64, bits int) []byte {
	if a := math.Abs(v); a != 0 && (a < 1e-9 || a >= 1e21) {
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}

// show shows a datum in a message.
func (m *Mapper) show(d datum) string {
	if d.kind == datumNull || d.kind == datumNotFinite && d.text == nil {
		return d.kind.String()
	}
	return excerpt(d.appendText(nil), 0)
}

// maxSaid bounds what a message takes over from the library.
const maxSaid = 160

// bounded makes a text of the library, which may quote the row, fit for a message.
func bounded(text string) string {
	if len(text) > maxSaid {
		text = text[:maxSaid] + "…"
	}
	return model.Harmless(text)
}
