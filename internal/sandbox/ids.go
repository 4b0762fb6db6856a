package sandbox

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// ids gives ids that look like the CRM's, never the same twice.
type ids struct {
	crm  CRM
	rand *rand.Rand
	last uint64
}

const (
	// firstHubSpotID is where today's HubSpot ids of 12 digits are.
	firstHubSpotID = 171_590_000_000
	// firstSalesforceID is a number of which nine digits in base 62 are not all 0.
	firstSalesforceID = 300_000_000_000
	// maxGap is the largest distance between two ids: neighbours in a CRM have
	// been given away to others, and nobody should rely on the next number.
	maxGap = 9
	// salesforcePod is the part of an id that names the server, with its reserved
	// digit.
	salesforcePod = "5g0"
)

func newIDs(crm CRM, r *rand.Rand) *ids {
	g := &ids{crm: crm, rand: r, last: firstHubSpotID}
	if crm == Salesforce {
		g.last = firstSalesforceID
	}
	return g
}

// next returns a new id for a record of an object.
func (g *ids) next(object string) string {
	g.last += 1 + uint64(g.rand.IntN(maxGap))
	if g.crm == HubSpot {
		return strconv.FormatUint(g.last, 10)
	}
	var digits [longID - suffixLen - 6]byte
	n := g.last
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[n%62]
		n /= 62
	}
	short := salesforcePrefix(object) + salesforcePod + string(digits[:])
	return short + salesforceSuffix(short)
}

// uuid returns an id for an operation or a request.
func (g *ids) uuid() string {
	a, b := g.rand.Uint64(), g.rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, 0x8000|b>>48&0x3fff, b&0xffffffffffff)
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// salesforcePrefix is the key prefix of an object: its first three characters.
func salesforcePrefix(object string) string {
	switch strings.ToLower(object) {
	case "account":
		return "001"
	case "contact":
		return "003"
	case "opportunity":
		return "006"
	case "lead":
		return "00Q"
	case "task":
		return "00T"
	case "case":
		return "500"
	case "campaign":
		return "701"
	default:
		return "a00" // what custom objects begin with
	}
}

// The two forms of a Salesforce id: the short one tells upper from lower case,
// the long one has a suffix that repeats which letters are upper case.
const (
	shortID   = 15
	longID    = 18
	suffixLen = 3
	chunkLen  = shortID / suffixLen
)

// salesforceSuffix returns the suffix of a short id: a character per five, whose
// bits say which of them are upper case.
func salesforceSuffix(short string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	var suffix [suffixLen]byte
	for i := range suffix {
		bits := 0
		for j := range chunkLen {
			if c := short[i*chunkLen+j]; c >= 'A' && c <= 'Z' {
				bits |= 1 << j
			}
		}
		suffix[i] = alphabet[bits]
	}
	return string(suffix[:])
}

// keyOf returns what a record of the CRM is found by: the id itself, or the short
// form of a Salesforce id. It reports false for what is no id of the CRM.
func keyOf(crm CRM, id []byte) (key []byte, ok bool) {
	if crm == HubSpot {
		for _, c := range id {
			if c < '0' || c > '9' {
				return nil, false
			}
		}
		const maxDigits = 19 // of a 64-bit number
		return id, len(id) > 0 && len(id) <= maxDigits
	}
	if len(id) != shortID && len(id) != longID {
		return nil, false
	}
	for _, c := range id {
		if !alphanumeric(c) {
			return nil, false
		}
	}
	if len(id) == longID && salesforceSuffix(string(id[:shortID])) != string(id[shortID:]) {
		return nil, false
	}
	return id[:shortID], true
}

// fullID returns the form of an id that the CRM answers with.
func fullID(crm CRM, id string) string {
	if crm == Salesforce && len(id) == shortID {
		return id + salesforceSuffix(id)
	}
	return id
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
