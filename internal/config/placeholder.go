package config

import (
	"encoding/hex"
	"errors"
	"strings"
	"unicode/utf8"
)

// PlaceholderText returns what a placeholder stands for, as Debezium reads it:
// behind hex: stand its bytes. The error says what is expected of a placeholder.
func PlaceholderText(setting string) (string, error) {
	text := setting
	if digits, ok := strings.CutPrefix(setting, "hex:"); ok {
		raw, err := hex.DecodeString(digits)
		if err != nil {
			return "", errors.New("hexadecimal digits behind hex:, two for each byte")
		}
		text = string(raw)
	}
	if text == "" || !utf8.ValidString(text) {
		return "", errors.New("text that is UTF-8 and not empty")
	}
	return text, nil
}
