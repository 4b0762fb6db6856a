package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/ampersink/ampersink/internal/config"
)

const (
	// maxNodes bounds an expression: what needs more belongs into the source.
	maxNodes = 1000
	// maxElements bounds an array or an object that an expression is handed, splits
	// a text into, or makes: the memory budget of its evaluation.
	maxElements = 1024
	// maxText bounds a text that an expression is handed or makes, in bytes;
	// maxLoopText where a loop may handle it once for each element.
	maxText     = 1 << 20
	maxLoopText = 16 << 10
)

// expression is compiled at the start, and evaluated for each row.
type expression struct {
	text    string
	program *vm.Program
	columns []column
	longest int // the bound of each text that it is handed
}

// column is a column that an expression uses.
type column struct {
	name     string
	source   *source
	optional bool // null where the row does not hold it
}

// The names that an expression knows beside the columns.
const (
	nameRow       = "row"       // row["VAT id"], and row?.nickname for a column that may be missing
	nameValue     = "value"     // what from: holds
	nameOperation = "operation" // create, update, delete or snapshot
)

// expression compiles an expression over the columns of the row; a condition
// yields a boolean.
func (r *route) expression(text string, hasValue, condition bool) (*expression, error) {
	if len(text) > maxLoopText {
		return nil, fmt.Errorf("%d bytes; expected at most %d", len(text), maxLoopText)
	}
	options := bounds()
	parsing := conf.CreateNew()
	for _, o := range options {
		o(parsing)
	}
	for name := range parsing.Disabled {
		delete(parsing.Builtins, name)
	}
	tree, err := parser.ParseWithConfig(text, parsing)
	if err != nil {
		return nil, plainError(err)
	}
	u := &uses{columns: make(map[string]bool), names: make(map[string]int), locals: make(map[string]bool)}
	ast.Walk(&tree.Node, u)
	if err := u.check(hasValue); err != nil {
		return nil, err
	}
	e := &expression{text: text, longest: maxText}
	if u.loops > 0 {
		e.longest = maxLoopText
	}
	env := types.Map{nameOperation: types.String, nameValue: types.Any, nameRow: types.TypeOf(map[string]any{})}
	for _, name := range slices.Sorted(maps.Keys(u.columns)) {
		if env[name] == nil {
			env[name] = types.Any
		}
		e.columns = append(e.columns, column{name, r.source(name), u.columns[name]})
	}
	options = append(options, expr.Env(env))
	if condition {
		options = append(options, expr.AsBool())
	}
	if e.program, err = expr.Compile(text, options...); err != nil {
		return nil, plainError(err)
	}
	return e, nil
}

// CheckExpression compiles an expression as a route would, and says why it cannot.
func CheckExpression(e config.Expression) error {
	r := &route{columns: make(map[string]int32)}
	_, err := r.expression(e.Text, e.HasValue, e.Condition)
	return err
}

// bounds is what keeps an expression to a part of the row's size: without clock
// and files, and without what makes much of little.
func bounds() []expr.Option {
	options := []expr.Option{expr.MaxNodes(maxNodes)}
	for _, name := range []string{"now", "timezone", "repeat", "replace", "join", "split", "splitAfter"} {
		options = append(options, expr.DisableBuiltin(name))
	}
	return append(options,
		expr.Function("repeat", boundedRepeat, strings.Repeat),
		expr.Function("replace", boundedReplace, new(func(string, string, string) string)),
		expr.Function("join", boundedJoin, new(func([]any, string) string), new(func([]string, string) string)),
		expr.Function("split", boundedSplit, strings.Split))
}

var errTooLarge = fmt.Errorf("the result is larger than %d bytes or %d elements", maxText, maxElements)

func boundedRepeat(args ...any) (any, error) {
	text, count := args[0].(string), args[1].(int)
	if count < 0 || count > maxText || len(text)*count > maxText {
		return nil, errTooLarge
	}
	return strings.Repeat(text, count), nil
}

func boundedReplace(args ...any) (any, error) {
	text, old, with := args[0].(string), args[1].(string), args[2].(string)
	if len(with) > len(old) && len(text)+strings.Count(text, old)*(len(with)-len(old)) > maxText {
		return nil, errTooLarge
	}
	return strings.ReplaceAll(text, old, with), nil
}

func boundedJoin(args ...any) (any, error) {
	var texts []string
	size := 0
	switch list := args[0].(type) {
	case []string:
		texts = list
	case []any:
		for _, one := range list {
			text, ok := one.(string)
			if !ok {
				return nil, fmt.Errorf("join: an element is %T; expected a string", one)
			}
			if size += len(text); size > maxText {
				return nil, errTooLarge
			}
			texts = append(texts, text)
		}
	default:
		return nil, fmt.Errorf("join: found %T; expected an array", args[0])
	}
	separator := args[1].(string)
	if size+len(separator)*len(texts) > maxText {
		return nil, errTooLarge
	}
	return strings.Join(texts, separator), nil
}

func boundedSplit(args ...any) (any, error) {
	text, separator := args[0].(string), args[1].(string)
	parts := strings.Count(text, separator) + 1
	if separator == "" {
		parts = utf8.RuneCountInString(text)
	}
	if parts > maxElements {
		return nil, errTooLarge
	}
	return strings.Split(text, separator), nil
}

// uses is what an expression uses.
type uses struct {
	columns map[string]bool // whether the column may be missing
	names   map[string]int
	locals  map[string]bool
	loops   int
	rows    int // accesses of row by a constant name
	fault   string
}

// Visit looks at a node after those below it.
func (u *uses) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		u.names[n.Value]++
	case *ast.VariableDeclaratorNode:
		u.locals[n.Name] = true
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok {
			u.names[callee.Value]--
		}
	case *ast.MemberNode:
		u.member(n)
	case *ast.PredicateNode:
		u.loop(n)
	case *ast.BuiltinNode:
		u.builtin(n.Name, len(n.Arguments))
	case *ast.BinaryNode:
		if _, constant := n.Right.(*ast.StringNode); n.Operator == "matches" && !constant {
			u.fault = "matches takes a constant pattern"
		}
	}
}

func (u *uses) builtin(name string, arguments int) {
	switch {
	case name == "reduce":
		u.fault = "reduce is not there: what it makes can double with each element"
	case name == "date" && arguments > 2:
		u.fault = "date takes a text and a format, and no time zone: its rules are read from files"
	}
}

func (u *uses) member(n *ast.MemberNode) {
	row, ok := n.Node.(*ast.IdentifierNode)
	if !ok || row.Value != nameRow {
		return
	}
	if name, ok := n.Property.(*ast.StringNode); ok {
		u.rows++
		optional, seen := u.columns[name.Value]
		u.columns[name.Value] = n.Optional && (optional || !seen)
	}
}

// loop refuses loops in loops: a row must not decide how long its expressions
// take.
func (u *uses) loop(n *ast.PredicateNode) {
	inner := &counter{}
	ast.Walk(&n.Node, inner)
	if u.loops++; inner.loops > 0 {
		u.fault = "a loop (map, filter, any...) stands in another one"
	}
}

type counter struct{ loops int }

func (c *counter) Visit(node *ast.Node) {
	if _, ok := (*node).(*ast.PredicateNode); ok {
		c.loops++
	}
}

// check turns the names that are left into columns.
func (u *uses) check(hasValue bool) error {
	switch {
	case u.fault != "":
		return errors.New(u.fault)
	case u.names[nameRow] > u.rows:
		return errors.New(`row takes the name of a column: row["VAT id"], or row?.nickname for one that may be missing`)
	case u.names[nameValue] > 0 && !hasValue:
		return errors.New(`value is what from: holds, and there is no from; a column of that name is row["value"]`)
	}
	for name, count := range u.names {
		switch name {
		case nameRow, nameValue, nameOperation:
			continue
		}
		if count > 0 && !u.locals[name] {
			u.columns[name] = false
		}
	}
	return nil
}

// plainError is the first line of an error of the library: the others draw an
// arrow.
func plainError(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
