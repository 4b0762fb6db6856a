// Package batching decides which writes travel together and when. It promises:
//
//   - Order per key: no write is handed out while an earlier write that shares a
//     member of its conflict set is unsettled, or settled but not yet durable.
//     It holds by construction: a write owns all its keys, in order of arrival,
//     before it is free, and only free writes are in a lane.
//   - A key is at most once in a batch, for the same reason.
//   - A batch is full, or its oldest write has lingered long enough, or the sink
//     drains. Nothing waits for further input.
//   - Lanes are cheap (an entry of a map, no goroutine, gone when empty) and take
//     turns for the request slots, so a busy tenant does not starve a quiet one.
//   - What is paused is probed by one request at a time per scope, however many
//     lanes the scope covers.
//
// It is a state machine without goroutines, locks or a clock of its own: the
// caller serialises the calls and passes the time, so that every behaviour can
// be proved by plain calls.
//
// The path of a write: Add puts it behind the earlier writes of its keys. When
// it owns them all it is resolved (its type and id are decided) and joins its
// lane. Next hands out batches; Finish takes their answers back; Settled ends a
// write, and Durable, once its completion is safe from a crash, lets its
// successors go.
package batching
