package mapping

// columnOrder is the order in which the columns of the last rows came, by what stood at each
// place. The rows of a table name the same columns in the same order, so that a column is
// mostly known by comparing one name, which costs a fifth of looking it up.
type columnOrder []orderedColumn

type orderedColumn struct {
	name   []byte // reused
	column int32
}

// unwanted is the number of a column that no source of the route wants.
const unwanted = -1

const (
	// maxPlaces bounds how many columns of a row are remembered, from the first one on: few
	// tables are wider.
	maxPlaces = 512
	// maxOrdered is the length of the longest name that is remembered, in bytes (PostgreSQL's
	// have 63 at most). The columns behind a longer one are looked up each time.
	maxOrdered = 64
)

// column returns the number of the column with that name, which stands at that place of its row.
func (b *bound) column(place int, name []byte) int32 {
	if place < len(b.order) {
		if o := &b.order[place]; string(o.name) == string(name) {
			return o.column
		}
	}
	column, wanted := b.columns[string(name)]
	if !wanted {
		column = unwanted
	}
	if place > len(b.order) || place == maxPlaces || len(name) > maxOrdered {
		return column
	}
	if place == len(b.order) {
		b.order = append(b.order, orderedColumn{})
	}
	o := &b.order[place]
	o.name, o.column = append(o.name[:0], name...), column
	return column
}
