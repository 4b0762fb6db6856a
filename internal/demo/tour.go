package demo

// tour says how to look at what was left running.
func (w *world) tour() {
	broker := w.cluster.ListenAddrs()[0]
	w.say(`
Everything is still running; Ctrl-C ends it. With what follows in demo.yaml, look at

  the sink          http://%[1]s/status   http://%[1]s/metrics   http://%[1]s/readyz
  the CRM           %[2]s/sandbox/records?object=contact   %[2]s/sandbox/requests   %[2]s/sandbox/stats
  make it fail      curl -X PUT %[2]s/sandbox/faults -d '[{do: status, status: 503}]'    (and '[]' to mend it)
  the ledger        ampersink ledger stats --config demo.yaml
  a row's record    ampersink ledger get --config demo.yaml --route customers '%[7]s'
  the requests      ampersink preview --config demo.yaml --last 5
  Kafka             %[3]s, group %[4]s
  the dead letters  kcat -b %[3]s -C -e -t %[5]s.dead -f '%%k %%h\n'

The configuration that it runs with:

%[6]s`, w.admin, w.api, broker, group, customers, w.text, w.aCustomer())
}

// aCustomer is the key of a row that is in the CRM.
func (w *world) aCustomer() string {
	for _, e := range w.stream.entries {
		if e.table == customers && e.crm != nil && e.behind == "" {
			return keyOf(e.id)
		}
	}
	return keyOf(0)
}
