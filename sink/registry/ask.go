package registry

import (
	"context"
	"errors"
	"net/http"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/ampersink/ampersink/internal/model"
)

// errMissing: the registry says that it has no such schema.
var errMissing = errors.New("the registry has no such schema")

const (
	// noSchema is a number that no registry has given yet.
	noSchema = 1<<31 - 1
	// maxReferences bounds the schemas that one refers to, in all.
	maxReferences = 256
	// maxSchema bounds the text of a schema with all that it refers to.
	maxSchema = 16 << 20
)

// ask asks for a schema and for what it refers to.
func (c *Client) ask(ctx context.Context, id model.SchemaID) (*model.Schema, error) {
	answer, err := c.one(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &model.Schema{Type: schemaType(answer.Type), Text: answer.Schema}
	r := references{client: c, into: out, seen: make(map[version]bool)}
	if err := r.follow(ctx, answer.References); err != nil {
		return nil, err
	}
	return out, nil
}

func (c *Client) one(ctx context.Context, id model.SchemaID) (sr.Schema, error) {
	if id.IsGUID() {
		s, err := c.api.SchemaByGUID(ctx, id.String())
		if isNotFound(err) && !errors.Is(missingOr(err), errMissing) && c.Check(ctx) == nil {
			return s.Schema, errMissing // a registry from before schemas had GUIDs has none of that one
		}
		return s.Schema, missingOr(err)
	}
	s, err := c.api.SchemaByID(ctx, int(id.Number))
	return s, missingOr(err)
}

// missingOr tells the registry's own "there is none" from any other 404.
func missingOr(err error) error {
	var answer *sr.ResponseError
	if isNotFound(err) && errors.As(err, &answer) && sr.IsNotFoundError(answer.ErrorCode) {
		return errMissing
	}
	return err
}

func isNotFound(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

func schemaType(t sr.SchemaType) model.SchemaType {
	switch t {
	case sr.TypeProtobuf:
		return model.SchemaProtobuf
	case sr.TypeJSON:
		return model.SchemaJSON
	}
	return model.SchemaAvro
}

// version is a schema as others refer to it.
type version struct {
	subject string
	number  int
}

// references collects what a schema refers to, those first that others refer to.
type references struct {
	client *Client
	into   *model.Schema
	seen   map[version]bool
}

// follow asks for schemas and for what they refer to. One that is not there is left
// out, and so is what is beyond the bounds: what needs it cannot be compiled, and says so.
func (r *references) follow(ctx context.Context, list []sr.SchemaReference) error {
	for _, one := range list {
		v := version{one.Subject, one.Version}
		if r.seen[v] {
			continue
		}
		if len(r.seen) >= maxReferences || r.into.Size() > maxSchema {
			return nil
		}
		r.seen[v] = true
		// What refers to a schema needs it also when it was deleted since.
		answer, err := r.client.api.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), one.Subject, one.Version)
		if err = missingOr(err); errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return err
		}
		if err := r.follow(ctx, answer.References); err != nil {
			return err
		}
		r.into.References = append(r.into.References, model.SchemaReference{Name: one.Name, Text: answer.Schema.Schema})
	}
	return nil
}
