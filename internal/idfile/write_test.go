package idfile

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// written writes lines and reads them back.
func written(t interface{ Fatal(...any) }, lines []Exported) (text string, back []Exported) {
	var b bytes.Buffer
	w := NewWriter(&b, false)
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	text = b.String()
	err := Read(&b, Options{}, func(r Row) error {
		if string(r.Key) != r.Exported.Key || r.ID != r.Exported.ID || r.Group != r.Exported.Group {
			t.Fatal("the row is not its line:", r)
		}
		back = append(back, *r.Exported)
		return nil
	})
	if err != nil {
		t.Fatal(err, text)
	}
	return text, back
}

func TestAnExportReadsBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringN(1, 40, -1), rapid.SampledFrom([]string{" a ", "<&>\u2028", `{"id":9007199254740993}`, "\x00\x1b", `"`}))
		line := rapid.Custom(func(t *rapid.T) Exported {
			e := Exported{
				Integration: text.Draw(t, "integration"), Object: text.Draw(t, "object"), Space: text.Draw(t, "space"),
				Key:   rapid.OneOf(text, rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "key"),
				State: rapid.SampledFrom([]string{StateKnown, StateExists, StateDoubt}).Draw(t, "state"), Group: text.Draw(t, "group"),
				Partition: rapid.Int32Min(0).Draw(t, "partition"), Offset: rapid.Int64Range(0, 1<<61).Draw(t, "offset"),
			}
			if e.State == StateKnown {
				e.ID = text.Draw(t, "id")
			}
			if rapid.Bool().Draw(t, "written") {
				e.Topic = text.Draw(t, "topic")
			}
			return e
		})
		lines := rapid.SliceOfN(line, 1, 5).Draw(t, "lines")
		if said, back := written(t, lines); !reflect.DeepEqual(back, lines) {
			t.Fatalf("%+v\nwas written as\n%s\nand reads back as\n%+v", lines, said, back)
		}
	})
}

func TestTheFormsOfAnExport(t *testing.T) {
	t.Parallel()
	e := Exported{Integration: "hubspot", Object: "contact", Space: "shop.customers", Key: `{"id":7}`, State: StateKnown, Group: "a,b", ID: "501", Topic: "shop.customers", Partition: 3, Offset: 9}
	for asCSV, want := range map[bool]string{
		false: `{"integration":"hubspot","object":"contact","space":"shop.customers","key":"{\"id\":7}","state":"known","group":"a,b","id":"501","topic":"shop.customers","partition":3,"offset":9}` + "\n",
		true: "integration,object,space,key,state,group,id,topic,partition,offset\n" +
			`hubspot,contact,shop.customers,"{""id"":7}",known,"a,b",501,shop.customers,3,9` + "\n",
	} {
		var b bytes.Buffer
		w := NewWriter(&b, asCSV)
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil || b.String() != want {
			t.Errorf("%s%v; expected\n%s", b.String(), err, want)
		}
	}
	w := NewWriter(new(bytes.Buffer), false)
	e.Group = "a\xff"
	if err := w.Write(&e); err == nil || !strings.Contains(err.Error(), `group: found "a\xff"; expected UTF-8`) {
		t.Errorf("a group that is no text: %v", err)
	}
}
