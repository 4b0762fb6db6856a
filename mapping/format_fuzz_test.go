package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/twmb/avro"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/ampersink/ampersink/internal/model"
)

// checkText holds a document that was made of bytes to a scan of its text: it is
// JSON, inside the bound, and has the same index.
func checkText(t *testing.T, d *document, in []byte) {
	t.Helper()
	var scanned document
	if !scanned.scan(bytes.Clone(d.text), indexLevels) {
		t.Fatalf("%+v: %q of %x", scanned.fault, d.text, in)
	}
	if !jsontext.Value(d.text).IsValid(jsontext.AllowDuplicateNames(true)) {
		t.Fatalf("not JSON: %q of %x", d.text, in)
	}
	if len(d.text) > 2*(minText+textRatio*len(in)) {
		t.Fatalf("%d bytes of text of %d bytes", len(d.text), len(in))
	}
	if len(scanned.nodes) != len(d.nodes) {
		t.Fatalf("%d nodes, a scan finds %d: %q", len(d.nodes), len(scanned.nodes), d.text)
	}
	for i := range d.nodes {
		if d.nodes[i] != scanned.nodes[i] {
			t.Fatalf("node %d is %+v, a scan finds %+v: %q", i, d.nodes[i], scanned.nodes[i], d.text)
		}
	}
}

func checkFault(t *testing.T, d *document, in []byte) {
	t.Helper()
	if d.fault.at < 0 || d.fault.at > len(in) || d.fault.want == "" {
		t.Fatalf("fault %+v of %x", d.fault, in)
	}
}

// FuzzAvro reads hostile bytes with schemas of everything that Avro has: what is read
// is JSON with its index, and what the library reads is read, and is the same.
func FuzzAvro(f *testing.F) {
	schemas := fuzzAvroSchemas()
	for i, text := range schemas {
		for _, seed := range fuzzAvroSeeds(f, i, text) {
			f.Add(uint8(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, in []byte) {
		text := schemas[int(which)%len(schemas)]
		compiled, fault := compileAvro(&model.Schema{Type: model.SchemaAvro, Text: text})
		if fault != "" {
			t.Fatal(fault)
		}
		var d document
		f := new(finder)
		r := avroReader{finder: f}
		ok := r.read(&d, compiled, in)
		if ok {
			checkText(t, &d, in)
		} else {
			checkFault(t, &d, in)
		}
		if len(in) > 1<<10 {
			return // the library's bounds are others
		}
		var v any
		rest, err := avro.MustParse(text).Decode(in, &v)
		if strings.Contains(text, "logicalType") {
			return // it makes Go's times of them, which end earlier
		}
		if ok && err != nil {
			t.Fatalf("read as %s, and the library says %v: %x", d.text, err, in)
		}
		if !ok || len(rest) > 0 || strings.Contains(text, "connect.") {
			return
		}
		sameAsLibrary(t, d.text, libraryAvro(v), in)
	})
}

// sameAsLibrary compares what was read with what the library reads.
func sameAsLibrary(t *testing.T, text []byte, library any, in []byte) {
	t.Helper()
	var got any
	decode(t, text, &got)
	wantText, _ := json.Marshal(normal(library))
	gotText, _ := json.Marshal(normal(got))
	if !bytes.Equal(gotText, wantText) {
		t.Fatalf("read as\n%s, the library as\n%s: %x", gotText, wantText, in)
	}
}

// errLibrary is a panic of the library: it has one for keys of maps that are of
// another type than the schema says, and ignores those otherwise.
var errLibrary = errors.New("the library panics")

func libraryReads(m proto.Message, in []byte) (err error) {
	defer func() {
		if recover() != nil {
			err = errLibrary
		}
	}()
	return proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(in, m)
}

// FuzzProtobuf reads hostile bytes with a schema of everything that Protobuf has: it
// reads what the library reads, and the same.
func FuzzProtobuf(f *testing.F) {
	for _, seed := range fuzzProtobufSeeds(f) {
		f.Add(seed)
	}
	s := &model.Schema{Type: model.SchemaProtobuf, Text: everyProtobuf}
	file, err := parseProtobuf(s)
	if err != nil {
		f.Fatal(err)
	}
	m, fault := compileProtobuf(s, []byte{0})
	if fault != "" {
		f.Fatal(fault)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var d document
		r := protoReader{protoScratch: new(protoScratch)}
		ok := r.read(&d, m, in)
		if ok {
			checkText(t, &d, in)
		} else {
			checkFault(t, &d, in)
		}
		message := dynamicpb.NewMessage(file.Messages().Get(0))
		err := libraryReads(message, in)
		// It looks at texts that others of their field replace, too.
		lenient := errors.Is(err, errLibrary) || err != nil && strings.Contains(err.Error(), "invalid UTF-8")
		if ok && err != nil && !lenient {
			t.Fatalf("read as %s, and the library says %v: %x", d.text, err, in)
		}
		if !ok || err != nil {
			return
		}
		sameAsLibrary(t, d.text, libraryJSON(message), in)
	})
}
