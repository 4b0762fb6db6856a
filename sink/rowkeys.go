package sink

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
	"github.com/ampersink/ampersink/mapping"
	"github.com/ampersink/ampersink/sink/ledger"
)

// RowKeys tells what the ledger of a configuration knows rows by. It asks nobody.
type RowKeys struct {
	config *config.Config
	mapper *mapping.Mapper
}

// NewRowKeys compiles the routes of a configuration, at least one of which keeps its rows in
// the ledger.
func NewRowKeys(c *config.Config) (*RowKeys, error) {
	if !slices.ContainsFunc(c.Routes, keepsRows) {
		return nil, errors.New("no route of this configuration keeps its rows in the ledger: put ledger into the id of one")
	}
	mapper, err := mapping.New(c.Routes, c.Skip)
	if err != nil {
		return nil, fmt.Errorf("compiling the routes: %w", err)
	}
	return &RowKeys{c, mapper}, nil
}

func keepsRows(r config.Route) bool { return r.ID.Late() }

// Routes returns the names of the routes that keep their rows in the ledger.
func (k *RowKeys) Routes() (names []string) {
	for _, r := range k.config.Routes {
		if keepsRows(r) {
			names = append(names, r.Name)
		}
	}
	return names
}

// Of returns what a row of a route is known by, from the key of its records. topic may be
// empty where the route takes one topic, or names an identity space.
func (k *RowKeys) Of(route, topic string, recordKey []byte) (ledger.RowKey, error) {
	space, key, err := k.mapper.SourceKey(route, topic, recordKey)
	if _, refused := errors.AsType[*model.Reason](err); refused {
		i := slices.IndexFunc(k.config.Routes, func(r config.Route) bool { return r.Name == route })
		if fields := k.config.Routes[i].Key; len(fields) > 0 {
			err = fmt.Errorf(`%w (a key of route %s is {"%s": ...})`, err, route, strings.Join(fields, `": ..., "`))
		}
	}
	return ledger.RowKey{Space: space, Key: key}, err
}

// In returns the names of the routes that have rows in a space.
func (k *RowKeys) In(space model.Space) (names []string) {
	for _, r := range k.config.Routes {
		if keepsRows(r) && r.To.Integration == space.Integration && r.To.Object == space.Object && named(&r, space.Name) {
			names = append(names, r.Name)
		}
	}
	return names
}

// named reports whether the rows of a route are in the space of a name.
func named(r *config.Route, name string) bool {
	if r.IdentitySpace != "" {
		return r.IdentitySpace == name
	}
	if slices.Contains(r.Topics.Names, name) {
		return true
	}
	matches, err := regexp.MatchString(`\A(?:`+r.Topics.Regex+`)\z`, name)
	return r.Topics.Regex != "" && err == nil && matches
}
