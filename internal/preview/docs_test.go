package preview

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ampersink/ampersink/internal/config"
	"github.com/ampersink/ampersink/internal/model"
)

var docsPage = filepath.Join("..", "..", "docs", "preview.md")

func pageOf(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the first fenced block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, "\n```"+language+"\n")
	if !ok {
		t.Fatalf("docs/preview.md has no block of %s", language)
	}
	inside, _, _ := strings.Cut(after, "```\n")
	return inside
}

// TestTheExampleOfThePageIsWhatIsShown: with the configuration that stands beside it.
func TestTheExampleOfThePageIsWhatIsShown(t *testing.T) {
	t.Parallel()
	text := pageOf(t)
	c, err := config.Parse("docs/preview.md", []byte(block(t, text, "yaml")), func(string) (string, bool) { return "key", true }, nil)
	if err != nil {
		t.Fatal(err)
	}
	var records []model.Record
	add := func(id int, op, before, after string) {
		r := model.Record{TopicPartition: model.TopicPartition{Topic: "shop.public.customers"}, Offset: int64(41 + len(records)), Key: fmt.Appendf(nil, `{"id":%d}`, id)}
		if op != "" {
			r.Value = fmt.Appendf(nil, `{"before":%s,"after":%s,"op":%q}`, before, after, op)
		}
		records = append(records, r)
	}
	add(1, "c", "null", `{"id":1,"tenant":"acme","email":"ann@example.com","first_name":"Ann","points":9007199254740993,"crm_id":null}`)
	add(2, "r", "null", `{"id":2,"tenant":"acme","email":"bob@example.com","first_name":"Bob","points":null,"crm_id":null}`)
	add(3, "u", "null", `{"id":3,"tenant":"acme","email":"cy@example.com","first_name":"Cy","points":7,"crm_id":"501"}`)
	add(4, "u", "null", `{"id":4,"tenant":"acme","email":"di@example.com","first_name":"Di","points":8,"crm_id":null}`)
	add(5, "c", "null", `{"id":5,"tenant":"acme","email":"","first_name":"Eve","points":9,"crm_id":null}`)
	add(6, "d", `{"id":6,"tenant":"acme","email":"flo@example.com","first_name":"Flo","points":1,"crm_id":"502"}`, "null")
	add(6, "", "", "")
	doc := previewed(t, c, captureOf(t, records...))
	doc.Read.File = "captured.jsonl"
	got, want := table(t, doc, 0), block(t, text, "text")
	if got == want {
		return
	}
	if *update {
		text = strings.Replace(text, "\n```text\n"+want+"```\n", "\n```text\n"+got+"```\n", 1)
		if err := os.WriteFile(docsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the page shows (go test -update rewrites it)\n%s\nand this is written:\n%s", want, got)
}

// Every name of the document is explained.
func TestEveryNameOfTheDocumentIsOnThePage(t *testing.T) {
	t.Parallel()
	text := pageOf(t)
	seen := make(map[reflect.Type]bool)
	var look func(reflect.Type)
	look = func(at reflect.Type) {
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Slice || at.Kind() == reflect.Map {
			at = at.Elem()
		}
		if at.Kind() != reflect.Struct || seen[at] || at.PkgPath() != reflect.TypeFor[Document]().PkgPath() {
			return
		}
		seen[at] = true
		for field := range at.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, "."+name+"`") {
				t.Errorf("%s is not explained", name)
			}
			look(field.Type)
		}
	}
	look(reflect.TypeFor[Document]())
	if len(seen) < 10 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}
