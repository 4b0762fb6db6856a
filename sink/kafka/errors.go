package kafka

import (
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/model"
)

// LostOffset says that records which were not read yet are gone: the position is
// outside of what the log holds.
type LostOffset struct {
	Partition  model.TopicPartition
	Position   int64 // where we were
	Start, End int64 // what the log holds: [Start, End)
}

func (e *LostOffset) Error() string {
	what := fmt.Sprintf("the position %d of %s/%d is gone: the log holds %d to %d",
		e.Position, e.Partition.Topic, e.Partition.Partition, e.Start, e.End)
	if e.Position < e.Start {
		return fmt.Sprintf("%s, so up to %d records were deleted before they were read (retention?). "+
			"Set kafka.on_lost_offset to earliest to go on with what is left, or to latest to skip that too", what, e.Start-e.Position)
	}
	return what + ", so the log was cut or the topic was made anew. " +
		"Set kafka.on_lost_offset to earliest to read it from its start, or to latest to go on with what is new"
}

// MissingTopics says that topics which routes name are not there.
type MissingTopics struct{ Topics []string }

func (e *MissingTopics) Error() string {
	return fmt.Sprintf("kafka: not there: topic %s. Create it, or correct its name under topics of the route; "+
		"topics: {regex: ...} waits for topics that appear later", strings.Join(e.Topics, ", topic "))
}

// Fatal reports whether no retry can mend the error: rights, or a configuration
// that the cluster refuses.
func Fatal(err error) bool {
	for _, fatal := range []error{
		kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState,
		kerr.InvalidSessionTimeout, kerr.InconsistentGroupProtocol, kerr.InvalidGroupID, kerr.InvalidTopicException,
		kerr.GroupMaxSizeReached, kerr.FencedInstanceID, kerr.UnsupportedVersion,
	} {
		if errors.Is(err, fatal) {
			return true
		}
	}
	var tooLarge *kgo.ErrDecompressTooLarge
	return errors.As(err, &tooLarge)
}

// advice says what to do about an error that stops the program.
func advice(err error) string {
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		return "grant this user READ and DESCRIBE on the topic (and WRITE on dead-letter topics and on the ledger's)"
	case errors.Is(err, kerr.GroupAuthorizationFailed):
		return "grant this user READ on the group"
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return "check kafka.sasl.user, password and mechanism"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		return "the brokers do not offer this kafka.sasl.mechanism"
	case errors.Is(err, kerr.FencedInstanceID):
		return "another member runs with the same kafka.instance_id; give each its own"
	case errors.Is(err, kerr.InvalidSessionTimeout):
		return "kafka.session_timeout must lie between the broker's group.min and group.max.session.timeout.ms"
	case errors.Is(err, kerr.InconsistentGroupProtocol):
		return "the group's other members use another kafka.balancer; all must use the same"
	default:
		return ""
	}
}

// explain adds where it happened and what to do.
func explain(err error, where string) error {
	if todo := advice(err); todo != "" {
		return fmt.Errorf("kafka: %s: %w: %s", where, err, todo)
	}
	return fmt.Errorf("kafka: %s: %w", where, err)
}
