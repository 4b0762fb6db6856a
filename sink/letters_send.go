package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/ampersink/ampersink/sink/deadletter"
	"github.com/ampersink/ampersink/sink/kafka"
)

func (l *letters) send(ctx context.Context, x *letter) {
	if err := l.ensure(ctx, x); err != nil {
		l.retry(x, err)
		return
	}
	if x.record.Topic == "" {
		x.record = deadletter.Encode(x.letter, x.topic)
	}
	l.fly(1)
	l.sink.kafka.Produce(ctx, x.record, func(err error) {
		l.fly(-1)
		switch {
		case err == nil:
			l.acknowledged(x)
		case kafka.TooLarge(err) && deadletter.Shed(&x.record):
			l.requeue(x, time.Now())
		default:
			if kafka.NoTopic(err) || kafka.TooLarge(err) {
				l.forget(x.topic) // looked at again: somebody may have mended it
			}
			l.retry(x, err)
		}
	})
}

func (l *letters) fly(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying += n
	l.wake()
}

// ensure makes sure that the letter's topic is there.
func (l *letters) ensure(ctx context.Context, x *letter) error {
	topic := x.topic
	l.mu.Lock()
	known := l.topics[topic]
	l.mu.Unlock()
	if known {
		return nil
	}
	k := l.sink.kafka
	there, err := k.HasTopic(ctx, topic)
	switch {
	case err != nil:
		return err
	case !there && !l.sink.config.DeadLetter.Create:
		return fmt.Errorf("the dead-letter topic %s is not there, and dead_letter.create is false: create it", topic)
	case !there:
		if err := k.CreateLike(ctx, topic, x.id.Topic); err != nil {
			return err
		}
		l.sink.log.Info().Str("topic", topic).Msg("dead-letter topic created")
	}
	k.Learn(ctx, topic)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.topics[topic] = true
	return nil
}

func (l *letters) forget(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.topics, topic)
}
