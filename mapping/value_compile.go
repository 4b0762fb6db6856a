package mapping

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ampersink/ampersink/internal/config"
)

// compileSource compiles where a field's value comes from, and what is asked of
// it.
func (r *route) compileSource(f *field, c config.Field) (err error) {
	if c.From == "" && c.Expr == "" {
		return errors.New("expected from, value or expr")
	}
	if c.From != "" {
		f.source = r.source(c.From)
	}
	if f.treat, err = r.treatment(c); err != nil {
		return err
	}
	t := f.treat
	f.copied = t.typ == nil && t.as == "" && t.infinite == nil && !t.required && t.max == 0 && t.nulls == config.NullsSend && t.expr == nil
	return nil
}

func (r *route) treatment(c config.Field) (t *treatment, err error) {
	t = &treatment{as: c.As, separator: c.Separator, required: c.Required, nulls: cmp.Or(c.Nulls, r.nulls, config.NullsSend)}
	if t.typ, err = typeOfConfig(c); err != nil {
		return nil, err
	}
	if c.As != "" && !slices.Contains(config.AllAs(), c.As) {
		return nil, fmt.Errorf("as: %q is not known; expected one of %q", c.As, config.AllAs())
	}
	if (c.Separator != "") != (c.As == config.AsList) {
		return nil, errors.New("separator: as: list needs one, and nothing else has one")
	}
	if c.HasDefault {
		t.fallback = c.Default
	}
	if t.infinite = t.fallback; c.HasNotFinite {
		t.infinite = c.NotFinite
	}
	for key, constant := range map[string][]byte{"default": t.fallback, "not_finite": t.infinite} {
		if constant != nil && !jsontext.Value(constant).IsValid() {
			return nil, fmt.Errorf("%s: %q is not JSON", key, constant)
		}
	}
	if c.MaxLength != nil {
		if c.MaxLength.Characters < 1 {
			return nil, fmt.Errorf("max_length: %d characters; expected at least 1", c.MaxLength.Characters)
		}
		t.max, t.cut = c.MaxLength.Characters, c.MaxLength.Over == config.OverCut
	}
	if c.Expr != "" {
		if t.expr, err = r.expression(c.Expr, c.From != "", false); err != nil {
			return nil, fmt.Errorf("expr: %w", err)
		}
	}
	return t, nil
}

// compileWhen compiles the condition of the route.
func (r *route) compileWhen(c config.Route) (err error) {
	if c.When == "" {
		return nil
	}
	if r.when, err = r.expression(c.When, false, true); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	return nil
}

func typeOfConfig(c config.Field) (*typ, error) {
	if c.Type == "" {
		if c.Scale != nil {
			return nil, errors.New("scale: only type: decimal has one")
		}
		return nil, nil
	}
	means, known := configTypes()[c.Type]
	switch {
	case !known:
		return nil, fmt.Errorf("type: %q is not known", c.Type)
	case c.From == "":
		return nil, errors.New("type: says what the value of from is; there is no from")
	case (means == meansDecimal) != (c.Scale != nil):
		return nil, errors.New("scale: type: decimal needs one, and nothing else has one")
	}
	t := &typ{means: means}
	if c.Scale != nil {
		t.scale, t.scaled = *c.Scale, true
		if t.scale < minScale || t.scale > maxScale {
			return nil, fmt.Errorf("scale: %d; expected %d to %d", t.scale, minScale, maxScale)
		}
	}
	t.list = &typ{means: meansArray, items: t}
	return t, nil
}
