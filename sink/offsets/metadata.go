package offsets

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"strings"

	"github.com/ampersink/ampersink/internal/model"
)

// MaxMetadata is the longest metadata that a broker accepts by default, in bytes
// (offset.metadata.max.bytes).
const MaxMetadata = 4096

// prefix marks metadata as ours and names its version.
const prefix = "ampersink1:"

// maxPayload is what fits behind the prefix in base64, the checksum aside.
const maxPayload = (MaxMetadata-len(prefix))*3/4 - crc32.Size

// runBytes is what a run takes in the payload: a gap and a length below 16,384
// at two bytes each, and the number of a set.
const runBytes = 5

// fullAt is the number of runs at which a partition takes no new work: three
// quarters of the payload, because what is in flight can still add runs.
const fullAt = maxPayload * 3 / 4 / runBytes

// Commit is what to commit for a partition.
type Commit struct {
	Offset      int64
	LeaderEpoch int32
	Metadata    string
	// CoveredTo is the last offset whose done writes the metadata covers; the
	// largest int64 when all fit.
	CoveredTo int64
}

// Full reports whether the metadata is about to overflow: the partition should
// take no new work until the low mark moves.
func (t *Tracker) Full() bool { return t.runs >= fullAt }

// run is a range of offsets of which the same writes are done.
type run struct {
	first, last int64
	set         []model.WriteName // sorted
}

func (r *run) has(name model.WriteName) bool {
	_, ok := slices.BinarySearch(r.set, name)
	return ok
}

// Commit returns what to commit now. ok is false when nothing is known yet.
func (t *Tracker) Commit() (c Commit, ok bool) {
	offset, epoch := t.Low()
	if offset < 0 {
		return Commit{}, false
	}
	text, covered := encode(offset, t.doneRuns())
	return Commit{Offset: offset, LeaderEpoch: epoch, Metadata: text, CoveredTo: covered}, true
}

// doneRuns lists what is done above the low mark: of this assignment, and, from
// where it has not polled yet, of the ones before it.
func (t *Tracker) doneRuns() []run { return appendFrom(t.polledRuns(), t.restored, t.next) }

// polledRuns lists what is done above the low mark of what was polled.
func (t *Tracker) polledRuns() []run {
	var runs []run
	live := t.records[t.head:]
	for i := range live {
		r := &live[i]
		switch {
		case !r.marked():
		case i > 0 && live[i-1].same(r):
			runs[len(runs)-1].last = r.last
		default:
			n := run{first: r.offset, last: r.last}
			r.done(func(name model.WriteName) { n.set = append(n.set, name) })
			slices.Sort(n.set)
			runs = append(runs, n)
		}
	}
	return runs
}

// encode writes runs above base as text, as many as fit, and returns the last
// offset up to which everything is covered.
//
// A checksum over the base and the payload comes first: metadata that was damaged, or
// that a tool carried over to another offset (MirrorMaker's offset sync, a reset), would
// otherwise mark writes as done that nobody did.
//
// Payload: the number of sets; each set as the number of its names and the names
// (4 bytes each); then the runs, each as the gap behind the one before (the
// first: behind base), its last offset minus its first, and the number of its
// set. All but the names are uvarints.
func encode(base int64, runs []run) (text string, covered int64) {
	if len(runs) == 0 {
		return "", math.MaxInt64
	}
	var sets [][]model.WriteName
	setOf := func(set []model.WriteName) uint64 {
		for i, s := range sets {
			if slices.Equal(s, set) {
				return uint64(i)
			}
		}
		sets = append(sets, set)
		return uint64(len(sets) - 1)
	}
	var body []byte
	setBytes, at := 1, base
	covered = math.MaxInt64
	for _, r := range runs {
		before, had := len(body), len(sets)
		body = binary.AppendUvarint(body, uint64(r.first-at))
		body = binary.AppendUvarint(body, uint64(r.last-r.first))
		body = binary.AppendUvarint(body, setOf(r.set))
		if len(sets) > had {
			setBytes += 2 + 4*len(r.set)
		}
		if setBytes+1+len(body) > maxPayload {
			body, sets, covered = body[:before], sets[:had], r.first-1
			break
		}
		at = r.last
	}
	payload := binary.AppendUvarint(nil, uint64(len(sets)))
	for _, s := range sets {
		payload = binary.AppendUvarint(payload, uint64(len(s)))
		for _, name := range s {
			payload = binary.LittleEndian.AppendUint32(payload, uint32(name))
		}
	}
	payload = append(payload, body...)
	sum := binary.LittleEndian.AppendUint32(nil, checksum(base, payload))
	return prefix + base64.RawStdEncoding.EncodeToString(append(sum, payload...)), covered
}

func checksum(base int64, payload []byte) uint32 {
	sum := crc32.ChecksumIEEE(binary.LittleEndian.AppendUint64(nil, uint64(base)))
	return crc32.Update(sum, crc32.IEEETable, payload)
}

var errMetadata = errors.New("the commit's metadata is not readable")

// decode is the inverse of encode.
func decode(base int64, text string) ([]run, error) {
	text, ours := strings.CutPrefix(text, prefix)
	if !ours {
		return nil, nil
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(raw) < crc32.Size {
		return nil, errMetadata
	}
	payload := raw[crc32.Size:]
	if binary.LittleEndian.Uint32(raw) != checksum(base, payload) {
		return nil, errMetadata
	}
	return parse(base, payload)
}

// parse reads a payload.
func parse(base int64, payload []byte) ([]run, error) {
	d := decoder{rest: payload}
	sets := make([][]model.WriteName, 0, 4)
	for range d.count() {
		var set []model.WriteName
		for range d.count() {
			set = append(set, model.WriteName(d.uint32()))
		}
		slices.Sort(set)
		sets = append(sets, set)
	}
	var runs []run
	at := base
	for len(d.rest) > 0 && !d.bad {
		first := at + int64(d.uvarint())
		last := first + int64(d.uvarint())
		set := d.uvarint()
		if d.bad || set >= uint64(len(sets)) || first < at || last < first {
			return nil, errMetadata
		}
		runs = append(runs, run{first: first, last: last, set: sets[set]})
		at = last
	}
	if d.bad {
		return nil, errMetadata
	}
	return runs, nil
}

// decoder reads the payload; bad is set when it ends too early.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

// count reads a number of things that follow, which cannot be more than the
// bytes that are left.
func (d *decoder) count() int {
	v := d.uvarint()
	if v > uint64(len(d.rest)) {
		d.bad, d.rest = true, nil
		return 0
	}
	return int(v)
}

func (d *decoder) uint32() uint32 {
	if len(d.rest) < 4 {
		d.bad, d.rest = true, nil
		return 0
	}
	v := binary.LittleEndian.Uint32(d.rest)
	d.rest = d.rest[4:]
	return v
}
