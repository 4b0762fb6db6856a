package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ampersink/ampersink/internal/kafkatest"
)

func TestALedgerThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	config := remembering(t, k.Brokers()[0], nowhere, "g")
	ids := file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")
	const missing = `the ledger topic g.ledger is not there, so nothing is known of any row. "ampersink run" makes it when group g is new`
	says(t, []string{"get", "--config", config, "--route", "customers", `{"id":7}`}, exitFault, "", missing)
	says(t, []string{"export", "--config", config}, exitFault, "", missing)
	says(t, []string{"stats", "--config", config}, exitFault, "", missing)
	says(t, []string{"import", "--config", config, "--route", "customers", "--dry-run", ids}, exitDone, "the topic is not there; import makes it", "")
	// A file that is wrong leaves no empty ledger behind: the group would start with it.
	says(t, []string{"import", "--config", config, "--route", "customers", file(t, "bad.csv", "id,crm_id,group\n7,,acme\n")}, exitConfig, "", "line 2: crm_id: empty")
	says(t, []string{"import", "--config", config, "--route", "customers", file(t, "none.csv", "id,crm_id\n")}, exitDone, "holds no rows", "")
	if k.HasTopic(t, "g.ledger") {
		t.Error("the topic is there")
	}
	says(t, []string{"import", "--config", config, "--route", "customers", ids}, exitDone, "1 row of "+ids+" into g.ledger: 1 added", "")
	other := remembering(t, k.Brokers()[0], nowhere, "h")
	says(t, []string{"create", "--config", other}, exitDone, "topic h.ledger is there and holds 0 rows", "")
	says(t, []string{"create", "--config", config}, exitDone, "topic g.ledger is there and holds 1 row\n", "")
	says(t, []string{"export", "--config", other}, exitDone, "", "0 rows of h.ledger, 0 without an id")
}

func TestAnImportSaysWhatIsKept(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	config := remembering(t, k.Brokers()[0], nowhere, "g")
	var ids, others strings.Builder
	ids.WriteString("id,crm_id,group\n")
	others.WriteString("id,crm_id,group\n")
	for i := range 50 {
		fmt.Fprintf(&ids, "%d,%d,acme\n", i, 500+i)
		fmt.Fprintf(&others, "%d,%d,acme\n", i+10, 900+i)
	}
	first, second := file(t, "ids.csv", ids.String()), file(t, "others.csv", others.String())
	imports := func(path string, flags ...string) []string {
		return append([]string{"import", "--config", config, "--route", "customers", path}, flags...)
	}
	says(t, imports(first), exitDone, "into g.ledger: 50 added\n", "")
	says(t, imports(second, "--dry-run", "--overwrite"), exitDone, "would go into g.ledger: 10 added, 40 replaced\n  the first: row {\"id\":10} of hubspot/contact/shop.customers is record 900 of acme\n", "")
	kept := "  line 2: {\"id\":10} is record 510 of acme; the file says record 900 of acme\n  line 3: {\"id\":11} is "
	says(t, imports(second, "--dry-run"), exitFault, kept, "40 rows known with another id or group, and kept: correct the file, or say --overwrite")
	out := says(t, imports(second), exitFault, kept, "40 rows known with another id or group")
	if !strings.Contains(out, "into g.ledger: 10 added, 40 kept as known\n") || !strings.Contains(out, "  line 21: ") || strings.Contains(out, "  line 22: ") || !strings.Contains(out, "  ... and 20 more\n") {
		t.Error(out)
	}
	get := []string{"get", "--config", config, "--route", "customers", `{"id":10}`}
	says(t, get, exitDone, "id:     510\n", "")
	says(t, imports(second, "--overwrite"), exitDone, "into g.ledger: 0 added, 40 replaced, 10 known before\n", "")
	says(t, get, exitDone, "id:     900\n", "")
	// Keys that are texts are other rows.
	says(t, imports(second, "--text-keys"), exitDone, "into g.ledger: 50 added\n", "")
	says(t, append(get[:5:5], `{"id":"10"}`), exitDone, "id:     900\n", "")
}

func TestWhatIsExportedGoesIntoAnotherLedgerByteForByte(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	crm, api := newCRM(t)
	config, other := remembering(t, k.Brokers()[0], api, "g"), remembering(t, k.Brokers()[0], api, "h")
	worked(t, k, config, crm)
	out := says(t, []string{"export", "--config", config}, exitDone, `"state":"doubt"`, "34 rows of g.ledger, 1 without an id")
	if strings.Count(out, "\n") != 34 || !strings.Contains(out, `"key_base64":"/wA="`) || !strings.Contains(out, `"topic":"shop.customers","partition":1,`) {
		t.Fatal(out)
	}
	backup := file(t, "ledger.jsonl", out)
	says(t, []string{"import", "--config", other, "--dry-run", backup}, exitDone, "34 rows of "+backup+" would go into h.ledger: 34 added", "")
	says(t, []string{"import", "--config", other, backup}, exitDone, "34 rows of "+backup+" into h.ledger: 34 added\n", "")
	if again := says(t, []string{"export", "--config", other}, exitDone, "\n", ""); again != out {
		t.Errorf("it comes back as\n%s\nand was\n%s", again, out)
	}
	says(t, []string{"import", "--config", config, backup}, exitDone, "into g.ledger: 0 added, 34 known before\n", "")
	says(t, []string{"export", "--config", config, "--csv"}, exitDone, "hubspot,contact,shop.customers,\"{\"\"id\"\":1}\",doubt,acme,,shop.customers,", "")
	// A pipe.
	var stdout, stderr bytes.Buffer
	third := &app{stdin: strings.NewReader(out), stdout: &stdout, stderr: &stderr}
	if code := third.execute(t.Context(), []string{"ledger", "import", "--config", remembering(t, k.Brokers()[0], api, "i"), "-"}); code != exitDone ||
		!strings.Contains(stdout.String(), "34 rows of - into i.ledger: 34 added") {
		t.Errorf("exits with %d and says %s%s", code, &stdout, &stderr)
	}
	// The rows are those that the other group finds.
	fields := `{"before":null,"after":{"id":2,"tenant":"acme","email":"two@example.com","name":"N"},"op":"u"}`
	k.Produce(t, &kgo.Record{Topic: "shop.customers", Key: []byte(`{"id":2}`), Value: []byte(fields)})
	creates := len(crm.Records("hubspot", "acme", "contact")) + len(crm.Records("hubspot", "acme", "company"))
	if code, _, stderr := call("run", "--config", other, "--until-end"); code != exitDone {
		t.Fatal(stderr)
	}
	if n := len(crm.Records("hubspot", "acme", "contact")) + len(crm.Records("hubspot", "acme", "company")); n != creates {
		t.Errorf("%d records were created a second time", n-creates)
	}
}

func TestWhatCannotBeReadMakesAnExportAFault(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	config := remembering(t, k.Brokers()[0], nowhere, "g")
	ids := file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")
	says(t, []string{"import", "--config", config, "--route", "customers", ids}, exitDone, "1 added", "")
	k.Produce(t, &kgo.Record{Topic: "g.ledger", Key: []byte("\x09r of a later version"), Value: []byte("v")})
	const unread = "1 record of g.ledger cannot be read (a later version may have written them): this is not all that the ledger knows"
	says(t, []string{"export", "--config", config}, exitFault, `"id":"501"`, unread)
	says(t, []string{"import", "--config", config, "--route", "customers", ids}, exitFault, "", unread)
	says(t, []string{"stats", "--config", config}, exitDone, "1 record cannot be read", "")
}

func TestAnExportThatCannotBeWrittenIsAFault(t *testing.T) {
	t.Parallel()
	k := kafkatest.NewFake(t)
	config := remembering(t, k.Brokers()[0], nowhere, "g")
	says(t, []string{"import", "--config", config, "--route", "customers", file(t, "ids.csv", "id,crm_id,group\n7,501,acme\n")}, exitDone, "1 added", "")
	var stderr bytes.Buffer
	full := &app{stdin: strings.NewReader(""), stdout: broken{}, stderr: &stderr}
	if code := full.execute(t.Context(), []string{"ledger", "export", "--config", config}); code != exitFault || !strings.Contains(stderr.String(), "no space") {
		t.Errorf("exits with %d and says %s", code, &stderr)
	}
}

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space") }
