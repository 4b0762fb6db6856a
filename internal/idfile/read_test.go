package idfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// read returns the rows of a text, each as "line key id group", and what is wrong with it.
func read(text string, o Options) (rows []string, err error) {
	err = Read(strings.NewReader(text), o, func(r Row) error {
		row := fmt.Sprintf("%d %s %s", r.Line, r.Key, r.ID)
		if r.Group != "" {
			row += " " + r.Group
		}
		if e := r.Exported; e != nil {
			row += fmt.Sprintf(" [%s/%s/%s %s %s/%d@%d]", e.Integration, e.Object, e.Space, e.State, e.Topic, e.Partition, e.Offset)
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}

func TestARowIsReadAsItStands(t *testing.T) {
	t.Parallel()
	id := Options{KeyFields: []string{"id"}}
	two := Options{KeyFields: []string{"tenant", "id"}}
	const bom = "\xef\xbb\xbf"
	for _, c := range []struct {
		name, text string
		options    Options
		want       string // rows, joined by |
	}{
		{"lines", `{"key":{"id":7},"id":"501","group":"acme"}` + "\n" + `{"key":8,"id":502}`, id, `1 {"id":7} 501 acme|2 8 502`},
		{"lines with a mark, CRLF, blank lines and space", bom + "\r\n  {\"key\":7,\"id\":\"a\"} \r\n\r\n\t\n{\"key\":8,\"id\":\"b\"}\r\n", id, "2 7 a|5 8 b"},
		{"members in another order, and escapes", `{"id":"a\u00e9","group":"g","key":{"b":"\n","a":[1.50,{}]}}`, id, `1 {"b":"\n","a":[1.50,{}]} aé g`},
		{"numbers beyond 2^53 and 2^64", `{"key":{"id":9007199254740993},"id":9007199254740993}` + "\n" + `{"key":36893488147419103233,"id":36893488147419103233}`, id,
			`1 {"id":9007199254740993} 9007199254740993|2 36893488147419103233 36893488147419103233`},
		{"a key of any bytes", `{"key_base64":"/wBh","id":"a"}`, id, "1 \xff\x00a a"},
		{"table", "id,crm_id\n7,501\n8,502\n", id, `2 {"id":7} 501|3 {"id":8} 502`},
		{"table with a mark, CRLF, blank lines and without an end", bom + "id,crm_id,group\r\n7,501,acme\r\n\r\n8,502,globex", id, `2 {"id":7} 501 acme|4 {"id":8} 502 globex`},
		{"columns in another order, and others", "group,name,crm_id,id\nacme,\"Ann, \"\"A\"\"\",501,7\n", id, `2 {"id":7} 501 acme`},
		{"texts that look like numbers and are none", "id,crm_id\n007,a\n7.0,b\n-0,c\n+7,d\n1e3,e\n0x7,f\n٧,g\n-7,h\n0,i\n", id,
			`2 {"id":"007"} a|3 {"id":"7.0"} b|4 {"id":"-0"} c|5 {"id":"+7"} d|6 {"id":"1e3"} e|7 {"id":"0x7"} f|8 {"id":"٧"} g|9 {"id":-7} h|10 {"id":0} i`},
		{"digits of any length", "id,crm_id\n9007199254740993,9007199254740993\n36893488147419103233,0036\n", id,
			`2 {"id":9007199254740993} 9007199254740993|3 {"id":36893488147419103233} 0036`},
		{"keys that are texts", "id,crm_id\n7,501\n", Options{KeyFields: []string{"id"}, TextKeys: true}, `2 {"id":"7"} 501`},
		{"a composite key", "id,tenant,crm_id\n7,acme,501\n8,9,502\n", two, `2 {"tenant":"acme","id":7} 501|3 {"tenant":9,"id":8} 502`},
		{"quotes and breaks within a key", "id,crm_id\n\"a\"\"b\nc\",501\nd,502\n", id, `2 {"id":"a\"b\nc"} 501|4 {"id":"d"} 502`},
		{"a whole key: JSON", "key,crm_id\n\"{\"\"id\"\":7}\",501\n7,502\n\"\"\"a\"\"\",503\n", Options{}, `2 {"id":7} 501|3 7 502|4 "a" 503`},
		{"a whole key: any text", "key,crm_id\nabc,501\n007,502\n", Options{}, "2 abc 501|3 007 502"},
		{"a whole key: texts in JSON", "key,crm_id\nabc,501\n7,502\n", Options{TextKeys: true}, `2 "abc" 501|3 "7" 502`},
		{"an export", `{"integration":"hubspot","object":"contact","space":"t","key":"{\"id\":7}","state":"known","group":"acme","id":"501","topic":"t","partition":3,"offset":9}` + "\n" +
			`{"integration":"hubspot","object":"contact","space":"t","key":"k","state":"doubt","group":"acme","id":"","topic":"","partition":0,"offset":0}`, id,
			`1 {"id":7} 501 acme [hubspot/contact/t known t/3@9]|2 k  acme [hubspot/contact/t doubt /0@0]`},
		{"nothing", "", id, ""},
		{"nothing but space", bom + " \r\n\n", id, ""},
		{"a header alone", "id,crm_id\n", id, ""},
	} {
		got, err := read(c.text, c.options)
		if err != nil || strings.Join(got, "|") != c.want {
			t.Errorf("%s: got %q, %v\nexpected %q", c.name, strings.Join(got, "|"), err, c.want)
		}
	}
}

func TestWhatIsNoRowIsRefusedWithItsLine(t *testing.T) {
	t.Parallel()
	id := Options{KeyFields: []string{"id"}}
	exported := func(edit string) string {
		line := `{"integration":"hubspot","object":"contact","space":"t","key":"k","state":"known","group":"acme","id":"501","topic":"t","partition":3,"offset":9}`
		old, replacement, _ := strings.Cut(edit, " => ")
		return strings.Replace(line, old, replacement, 1)
	}
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		name, text string
		options    Options
		says       string
	}{
		{"a member that is misspelt", `{"key":7,"idd":"a"}`, id, `line 1: "idd" is unknown; did you mean "id"?`},
		{"in capitals", `{"key":7,"ID":"a"}`, id, `line 1: "ID" is unknown; did you mean "id"?`},
		{"a member that is another's", `{"key":7,"id":"a","email":"x"}`, id, `line 1: "email" is unknown; expected some of`},
		{"a member that is there twice", `{"key":7,"id":"a","id":"b"}`, id, "line 1: "},
		{"two objects on a line", `{"key":7,"id":"a"}{"key":8,"id":"b"}`, id, "line 1: there is more behind the object"},
		{"a comma behind it", `{"key":7,"id":"a"},`, id, "line 1: "},
		{"cut off", "{\"key\":7,\"id\":\"a\"}\n{\"key\":8,\"id\":", id, "line 2: "},
		{"another line", "{\"key\":7,\"id\":\"a\"}\n7,501\n", id, `line 2: found "7,501"; expected {"key"`},
		{"no JSON", "{\"key\":7,\"id\":\"a\"}\nid,crm_id\n", id, "line 2: "},
		{"not UTF-8", "{\"key\":7,\"id\":\"a\xff\"}", id, "line 1: "},
		{"without a key", `{"id":"a"}`, id, "line 1: key: found none, or both key and key_base64"},
		{"with two keys", `{"key":7,"key_base64":"Nw==","id":"a"}`, id, "line 1: key: found none, or both"},
		{"no base64", `{"key_base64":"7","id":"a"}`, id, "line 1: key_base64: "},
		{"without an id", `{"key":7}`, id, "line 1: id: missing"},
		{"null as id", `{"key":7,"id":null}`, id, `line 1: id: found "null"; expected a text or a whole number`},
		{"a fraction as id", `{"key":7,"id":1.0}`, id, `line 1: id: found "1.0"; expected a text or a whole number`},
		{"an empty id", `{"key":7,"id":""}`, id, "line 1: id: empty"},
		{"space around an id", `{"key":7,"id":" a"}`, id, `line 1: id: found " a"; expected no space around it`},
		{"control characters in an id", `{"key":7,"id":"a\u001bb"}`, id, `line 1: id: found "a\x1bb"; expected no control characters`},
		{"a long id", `{"key":7,"id":"` + strings.Repeat("x", maxWord+1) + `"}`, id, "line 1: id: it has 1025 bytes; expected at most 1024"},
		{"a group that is no text", `{"key":7,"id":"a","group":7}`, id, `line 1: group: found "7"; expected a text`},
		{"an empty group", `{"key":7,"id":"a","group":""}`, id, "line 1: group: empty"},
		{"a long line", "{\"key\":7,\"id\":\"a\"}\n{\"key\":\"" + long + "\",\"id\":\"b\"}", id, "line 2: it is longer than 1048576 bytes"},
		{"an array", `[{"key":7,"id":"a"}]`, id, "it is a JSON array; expected an object on each line"},

		{"half of an export", `{"key":"7","id":"a","space":"t"}`, id, "line 1: integration: missing, and space says that the line is one of an export"},
		{"an export of a state that is not known here", exported(`"known" => "sure"`), id, `line 1: state: found "sure"; expected known, exists or doubt`},
		{"an export without an id", exported(`"501" => ""`), id, "line 1: id: empty or missing, and the state is known"},
		{"a doubt with an id", exported(`"known" => "doubt"`), id, `line 1: id: found "501"; expected none, as the state is doubt`},
		{"an export whose key is no text", exported(`"k" => 7`), id, `line 1: key: found "7"; expected a text`},
		{"a partition beyond all", exported(`3 => 2147483648`), id, `line 1: partition: found "2147483648"; expected a whole number`},
		{"an offset below all", exported(`9 => -1`), id, `line 1: offset: found "-1"; expected a whole number`},

		{"a column that is misspelt", "id,crmid\n7,501\n", id, `the header: there is a column "crmid"; did you mean "crm_id"? expected the columns ["id" "crm_id"], and "group" if rows differ in it`},
		{"the group misspelt", "id,crm_id,Group\n7,501,acme\n", id, `there is a column "Group"; did you mean "group"?`},
		{"space in a header", "id, crm_id\n7,501\n", id, `there is a column " crm_id"; did you mean "crm_id"?`},
		{"no column of the key", "number,crm_id\n7,501\n", id, `found ["number" "crm_id"], without "id"; expected the columns`},
		{"no header", "7,501\n8,502\n", id, `found ["7" "501"], without "id"`},
		{"a whole key has a column of its own", "id,crm_id\n7,501\n", Options{}, `without "key"; expected the columns ["key" "crm_id"]`},
		{"a column twice", "id,crm_id,id\n7,501,8\n", id, `column "id" is there twice`},
		{"semicolons", "id;crm_id\n7;501\n", id, `found "id;crm_id"; expected commas`},
		{"an export for people", "integration,object,space,key,state,group,id,topic,partition,offset\n", Options{}, "take"},
		{"a key that is called like a column of ours", "group,crm_id\n7,501\n", Options{KeyFields: []string{"group"}}, `called "group", and so is a column of ours; write JSON lines`},
		{"a short row", "id,crm_id\n7,501\n8\n", id, "record on line 3: wrong number of fields"},
		{"a quote in the middle", "id,crm_id\n7\"7,501\n", id, `line 2, column 2: bare " in non-quoted-field`},
		{"a quote that does not end", "id,crm_id\n7,501\n8,\"502\n9,503\n", id, "line 3"},
		{"one that goes on and on", "id,crm_id\n7,501\n8,\"" + long + long, id, "the row behind line 2: it is longer than 1048576 bytes; a quote that does not end?"},
		{"an empty key", "id,crm_id\n,501\n", id, "line 2: id: empty"},
		{"space around a key", "id,crm_id\n 7,501\n", id, `line 2: id: found " 7"; expected no space around it (JSON lines`},
		{"a key that is not UTF-8", "id,crm_id\nM\xfcller,501\n", id, `line 2: id: found "M\xfcller"; expected UTF-8`},
		{"an empty CRM id", "id,crm_id\n7,\n", id, "line 2: crm_id: empty"},
		{"space around a CRM id", "id,crm_id\n7,501 \n", id, `line 2: crm_id: found "501 "; expected no space around it`},
		{"an empty group of a row", "id,crm_id,group\n7,501,acme\n8,502,\n", id, "line 3: group: empty"},

		{"a table of nobody knows which rows", "id,crm_id\n7,501\n", Options{Unrouted: errors.New("of which route?")}, "of which route?"},
		{"a line of nobody knows which rows", exported("") + "\n" + `{"key":7,"id":"a"}`, Options{Unrouted: errors.New("of which route?")}, "line 2: of which route?"},

		{"UTF-16", "\xff\xfei\x00d\x00", id, "it is UTF-16; expected JSON lines, or CSV with a header, in UTF-8"},
		{"packed", "\x1f\x8b\x08\x00", id, "it is packed by gzip"},
		{"a spreadsheet", "PK\x03\x04", id, "it is a zip archive or a spreadsheet"},
		{"space without end", strings.Repeat("\n", 3*maxLine), id, "nothing but space"},
		{"much space in front", strings.Repeat(" ", 128<<10) + "id,crm_id\n", id, "nothing but space"},
	} {
		rows, err := read(c.text, c.options)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v\nexpected %q", c.name, rows, err, c.says)
			continue
		}
		if len(err.Error()) > 400 {
			t.Errorf("%s: it says %d bytes", c.name, len(err.Error()))
		}
	}
}

func TestReadingEndsWhereItIsTold(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	for _, text := range []string{"{\"key\":7,\"id\":\"a\"}\n{\"key\":8,\"id\":\"b\"}\n", "id,crm_id\n7,a\n8,b\n"} {
		n := 0
		err := Read(strings.NewReader(text), Options{KeyFields: []string{"id"}}, func(Row) error { n++; return enough })
		if n != 1 || !errors.Is(err, enough) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("after %d rows: %v", n, err)
		}
	}
	broken := errors.New("broken")
	for _, text := range []string{"", "\n", "{\"key\":7,\"id\":\"a\"}\n", "id,crm_id\n7,a\n"} {
		err := Read(io.MultiReader(strings.NewReader(text), failing{broken}), Options{KeyFields: []string{"id"}}, func(Row) error { return nil })
		if !errors.Is(err, broken) {
			t.Errorf("%q and then a fault: %v", text, err)
		}
	}
}

// failing is a file that cannot be read.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
