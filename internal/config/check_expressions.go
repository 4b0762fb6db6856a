package config

import (
	"fmt"
	"strings"
)

// Expression is a when or an expr of the file.
type Expression struct {
	Text      string
	HasValue  bool // it is handed what from holds, as value
	Condition bool // it yields true or false
}

// CheckExpression says why an expression cannot be compiled, or nil. The language
// belongs to the stage that evaluates it, and that one knows nothing of files and lines.
type CheckExpression func(Expression) error

// expressions refuses expressions that cannot be compiled.
func (c *checker) expressions() {
	for i := range c.cfg.Routes {
		r, at := &c.cfg.Routes[i], fmt.Sprintf("routes[%d]", i)
		c.expression(at+".when", Expression{Text: r.When, Condition: true})
		for _, list := range []struct {
			key    string
			fields []Field
		}{{at + ".fields", r.Fields}, {at + ".on_delete", r.OnDelete.Set}} {
			for _, f := range list.fields {
				c.expression(list.key+"."+printable(f.To)+".expr", Expression{Text: f.Expr, HasValue: f.From != ""})
			}
		}
	}
}

func (c *checker) expression(key string, e Expression) {
	if e.Text == "" || !c.sound(key) {
		return
	}
	for _, check := range c.languages {
		err := check(e)
		switch n := c.place(key); {
		case err == nil:
		case strings.Contains(aliased(n).Value, "${"):
			c.at(key, "cannot be compiled (what is wrong is not shown: it may repeat what the reference in it stands for)")
		default:
			c.at(key, "cannot be compiled: %v", err)
		}
	}
}
