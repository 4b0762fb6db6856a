package config

// identityRows is how the CRM record of a row is found.
func identityRows() []row {
	return []row{
		{path: "routes[].identity_space", form: formText, derived: "the topic",
			what: "Where a key is one row: rows of two spaces are never taken for each other, whatever their keys are.",
			why:  "Two tables that feed one object both have a row 1; routes whose topics hold the same rows name the same space."},
		{path: "routes[].id", form: formID,
			what: "Where the CRM's own id of a row is found: a field of the row, the ledger (which remembers what was written for the row), or a match (a search); a list is tried in its order, a match always last.",
			why:  "Updates and deletes need it: without it the route can only create."},
		{path: "routes[].id.field", form: formPath, what: "The field of the row that holds the id."},
		{path: "routes[].id.match", form: formMatch,
			what: "Fields of the CRM, and the fields of the row that they must equal, all of them; the object must be readable in the integration.",
			why:  "It finds records that were there before, and creates whose answer was lost."},
		{path: "routes[].id.match.*", form: formPath, what: "A column, or a path into it."},
		{path: "routes[].search", form: formSection,
			what: "How far a match is trusted."},
		{path: "routes[].search.index_lag", form: formDuration, fallback: "60s", span: "[0s,)",
			what: "How long the CRM's search may not show what was written: before that, finding nothing proves nothing.",
			why:  "HubSpot's index lags by seconds, and minutes have been seen. A longer one delays only creates in doubt."},
		{path: "routes[].search.on_several", form: formWord, fallback: "dead_letter", words: texts([]OnSeveral{SeveralDeadLetter, SeveralFirst}),
			what: "What happens when several records match: dead_letter refuses the row, first takes the first that the search names.",
			why:  "Which of them is the row's, only a person can say."},
	}
}

// linkRows is a value that is the CRM id of another row.
func linkRows() []row {
	return []row{
		{path: "routes[].fields.*.id_of", form: formSection,
			what: "The value is the CRM id of the row that another route wrote (a contact's account), looked up in the ledger; goes with no other key."},
		{path: "routes[].fields.*.id_of.route", form: formText, required: true,
			what: "The route of the other row, in the same integration: its id has ledger, it names the fields of its key, and it takes one topic or has an identity_space."},
		{path: "routes[].fields.*.id_of.key", form: formKeyParts, required: true,
			what: "The field of this row that holds the other row's key; of a key of several fields, each of them: {KEY_FIELD: FIELD}."},
		{path: "routes[].fields.*.id_of.key.*", form: formPath, what: "The field of this row that holds this part of the key."},
	}
}

// choiceRows is what is done where the CRM and the source disagree about a row.
func choiceRows() []row {
	return []row{
		{path: "routes[].on_unknown_delete", form: formWord, derived: "ignore with the ledger, else dead_letter",
			words: texts([]OnUnknownDelete{UnknownDeleteIgnore, UnknownDeleteDeadLetter}),
			what:  "What becomes of a delete that finds no record; what is ignored is counted as skipped by this rule.",
			why:   "A row that the ledger does not know was never written, and what is not there need not be deleted. Without it the record may well be there, since a delete seldom holds what a match needs."},
		{path: "routes[].on_conflict", form: formWord, derived: "update where on_create is upsert, else dead_letter",
			words: texts([]OnConflict{ConflictDeadLetter, ConflictUpdate}),
			what:  "What happens when the CRM refuses a create and names the record that is there (HubSpot's Existing ID, Salesforce's DUPLICATE_VALUE): update writes into that one.",
			why:   "Who says upsert expects the record; who says create does not, and it may be another row's."},
		{path: "routes[].on_gone", form: formWord, fallback: "dead_letter", words: texts([]OnGone{GoneDeadLetter, GoneRecreate, GoneIgnore}),
			what: "What happens when the record of an update is gone from the CRM: recreate creates it anew, ignore skips the row, counted under this rule.",
			why:  "Somebody deleted it in the CRM, and only a person can say whether it should come back."},
		{path: "routes[].on_group_change", form: formWord, fallback: "dead_letter", words: texts([]OnGroupChange{GroupChangeDeadLetter, GroupChangeMove}),
			what: "What happens when a row changes its group: move writes it into the new group's CRM, and deletes it in the old one's where on_delete deletes; it goes with on_update: upsert, as the row is created there.",
			why:  "One customer's data goes into another's CRM, which is a mistake in the source more often than a wish."},
		{path: "routes[].on_missing_parent", form: formWord, fallback: "wait", words: texts([]OnMissingParent{MissingParentWait, MissingParentOmit, MissingParentDeadLetter}),
			what: "What happens to a row whose id_of finds no id yet: wait keeps it back until the other row is written, omit writes it without the field or the association.",
			why:  "The other row is mostly under way: its topic is read at the same time."},
		{path: "routes[].parent_patience", form: formDuration, fallback: "5m", span: "[1s,)",
			what: "How long it waits; then it is dead-lettered.",
			why:  "Longer than a restart or a slow partition delays the other row, and not for ever: what waits keeps its partition's offset."},
	}
}

func ledgerRows() []row {
	return []row{
		{path: "ledger", form: formSection, meant: "topic",
			what: "What is remembered of the CRM records of rows, by routes with ledger in their id."},
		{path: "ledger.topic", form: formText, fallback: `"{group}.ledger"`,
			what: "The compacted topic that holds it; {group} is the consumer group. It is memory and no cache: never delete it.",
			why:  "One for each group: two that shared one would overwrite what the other knows."},
	}
}
