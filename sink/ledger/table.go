package ledger

type table struct{ m map[string]Row }

func newTable() *table { return &table{m: make(map[string]Row)} }

func (t *table) get(key []byte, r *Row) bool {
	x, ok := t.m[string(key)]
	if ok {
		*r = x
	}
	return ok
}
func (t *table) put(key []byte, r *Row) { t.m[string(key)] = *r }
func (t *table) delete(key []byte) bool { delete(t.m, string(key)); return true }
func (t *table) len() int               { return len(t.m) }
func (t *table) bytes() int64           { return 0 }
func (t *table) each(f func([]byte, *Row) bool) {
	for k, r := range t.m {
		if !f([]byte(k), &r) {
			return
		}
	}
}
