package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/sr"
)

// Unavailable says why the registry could not be asked. It is nobody's record's fault.
type Unavailable struct {
	Code    string // one word: "unreachable", "unauthorized", "http_503"
	Message string // what was found, and what to do
	// Person: it does not pass by itself, but when somebody does something.
	Person bool
	err    error
}

func (u *Unavailable) Error() string { return u.Message }

func (u *Unavailable) Unwrap() error { return u.err }

// The codes.
const (
	CodeUnreachable  = "unreachable"
	CodeUnauthorized = "unauthorized"
	CodeForbidden    = "forbidden"
	CodeNoRegistry   = "no_registry"
	CodeUnreadable   = "unreadable"
)

// unavailable explains why a question has no answer.
func unavailable(err error, url string) *Unavailable {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return unanswered(err, url)
	}
	said := ""
	if text := excerpt(answer.Error()); text != "" {
		said = " (" + text + ")"
	}
	u := &Unavailable{Code: "http_" + strconv.Itoa(answer.StatusCode), err: err}
	switch status := answer.StatusCode; {
	case status == http.StatusUnauthorized:
		u.Code, u.Person = CodeUnauthorized, true
		u.Message = fmt.Sprintf("%s refuses the login with 401%s: check kafka.schema_registry.user and password", url, said)
	case status == http.StatusForbidden:
		u.Code, u.Person = CodeForbidden, true
		u.Message = fmt.Sprintf("%s forbids to read schemas with 403%s: the user of kafka.schema_registry needs the right to read them", url, said)
	case status == http.StatusNotFound:
		u.Code, u.Person = CodeNoRegistry, true
		u.Message = fmt.Sprintf("%s answers 404%s, and not as a schema registry does: check the path of kafka.schema_registry.url"+
			" (Apicurio's ends in /apis/ccompat/v7)", url, said)
	case status < http.StatusBadRequest:
		u.Code, u.Person = CodeNoRegistry, true
		u.Message = fmt.Sprintf("%s answers %d, a redirect, which is not followed: kafka.schema_registry.url must be the registry's own address", url, status)
	default:
		u.Message = fmt.Sprintf("%s answers %d%s", url, status, said)
	}
	return u
}

// unanswered explains an error that came instead of an answer.
func unanswered(err error, url string) *Unavailable {
	switch {
	case errors.Is(err, errTooLong):
		return &Unavailable{CodeUnreadable, fmt.Sprintf("the answer of %s is longer than %d bytes", url, maxBody), true, err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Unavailable{CodeUnreachable, url + " has not answered in time (kafka.schema_registry.timeout)", false, err}
	case strings.Contains(err.Error(), "unable to decode ok response body"):
		return &Unavailable{CodeUnreadable, fmt.Sprintf("the answer of %s is none of a schema registry (%s): check kafka.schema_registry.url", url, excerpt(err.Error())), true, err}
	}
	cause := err
	if request, ok := errors.AsType[*neturl.Error](err); ok {
		cause = request.Err // without the address, again
	}
	return &Unavailable{CodeUnreachable, fmt.Sprintf("%s does not answer: %s", url, excerpt(cause.Error())), false, err}
}

// maxExcerpt bounds what a message takes over from an answer.
const maxExcerpt = 200

// excerpt makes a text of others fit for a log line.
func excerpt(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxExcerpt {
		text = string(runes[:maxExcerpt]) + "…"
	}
	return text
}
