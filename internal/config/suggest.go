package config

import (
	"strings"
	"unicode/utf8"
)

// Nearest returns the candidate that a word was probably meant to be, or "".
// Every third letter may be wrong: more than that is another word.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(utf8.RuneCountInString(word)/3, 1)+1
	for _, c := range candidates {
		if d := distance(plainSpelling(word), plainSpelling(c)); d < bestDistance && d < utf8.RuneCountInString(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// plainSpelling takes away what people vary without meaning to: onCreate,
// on-create and ON_CREATE are one slip.
func plainSpelling(s string) []rune {
	return []rune(strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(s)))
}

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour that turns a into b (optimal string alignment).
func distance(a, b []rune) int {
	before, last, row := []int(nil), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, make([]int, len(b)+1)
	}
	return last[len(b)]
}

// maxPrinted is how much of a word of the file a message repeats.
const maxPrinted = 60

// printable returns a key of the file as a message may show it: up to the first
// character that no key has. What follows it may be a value, a secret even, where
// the space behind a colon was forgotten.
func printable(key string) string {
	end := strings.IndexFunc(key, func(r rune) bool {
		return !(r == '_' || r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if end < 0 {
		end = len(key)
	}
	end = min(end, maxPrinted)
	if end < len(key) {
		return key[:end] + "..."
	}
	return key
}

// list joins words as a sentence does: a, b or c.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
