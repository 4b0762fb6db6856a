package sandbox

import (
	"reflect"
	"strings"
	"testing"
)

// TestTheHelpNamesAllThatAFaultCanSay: every key, and every word of do.
func TestTheHelpNamesAllThatAFaultCanSay(t *testing.T) {
	t.Parallel()
	words := make(map[string]bool)
	for _, w := range strings.FieldsFunc(FaultsHelp, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		words[w] = true
	}
	for _, do := range allDo {
		if !words[string(do)] {
			t.Errorf("do: %s is missing", do)
		}
	}
	for f := range reflect.TypeFor[Fault]().Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); !words[key] {
			t.Errorf("%s is missing", key)
		}
	}
}
