package idfile

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzRead: whatever a file holds, reading it ends, its rows have a key and an id, the
// lines rise, and an export of what was read reads back the same.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"id,crm_id\n7,501\n", "\xef\xbb\xbfid,crm_id,group\r\n\"a\"\"b\",501,acme\r\n", "key,crm_id\nabc,1\n", "id;crm_id\n",
		`{"key":{"id":7},"id":"501","group":"acme"}`, `{"key_base64":"/wBh","id":9007199254740993}`, "{\"key\":7,\"id\":\"a\"}\n\n{\"key\":8,\"id\":\"b\"}",
		`{"integration":"h","object":"c","space":"t","key":"k","state":"known","group":"g","id":"1","topic":"t","partition":0,"offset":1}`,
		`{"integration":"h","object":"c","space":"t","key":"k","state":"exists","group":"g","id":"","topic":"","partition":0,"offset":0}`,
		"[1]", "\xff\xfe", "id,crm_id\n\"", "{\"key\":\"\\ud800\",\"id\":\"a\"}",
	} {
		for _, o := range []byte{0, 1, 2, 3} {
			f.Add([]byte(text), o)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, how byte) {
		o := Options{TextKeys: how&1 != 0}
		if how&2 != 0 {
			o.KeyFields = []string{"id", "tenant"}[:1+how>>2&1]
		}
		last := 0
		var exported []Exported
		_ = Read(bytes.NewReader(text), o, func(r Row) error {
			if r.Line <= last {
				t.Errorf("line %d comes behind line %d", r.Line, last)
			}
			last = r.Line
			if r.Exported != nil {
				exported = append(exported, *r.Exported)
				return nil
			}
			if checkWord("id", r.ID) != nil || len(r.Key) == 0 && !bytes.Contains(text, []byte("key_base64")) {
				t.Errorf("line %d: key %q, id %q", r.Line, r.Key, r.ID)
			}
			if len(o.KeyFields) > 0 && !bytes.Contains(text, []byte("key_base64")) && !jsontext.Value(r.Key).IsValid() {
				t.Errorf("line %d: key %q is no JSON", r.Line, r.Key)
			}
			return nil
		})
		if len(exported) == 0 {
			return
		}
		if said, back := written(t, exported); !reflect.DeepEqual(back, exported) {
			t.Errorf("%+v\nwas written as\n%s\nand reads back as\n%+v", exported, said, back)
		}
	})
}
