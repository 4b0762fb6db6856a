package config

import "slices"

// routeRows is every key of a route, in the order of the reference page.
func routeRows() []row {
	return slices.Concat(sourceRows(), targetRows(), identityRows(), fieldRows(), linkRows(), extraRows(), actionRows(), choiceRows(), treatmentRows(), batchRows())
}

const notYet = "comes in a later version"

func sourceRows() []row {
	return []row{
		{path: "routes[].name", form: formText, required: true,
			what: "The route's name in logs, metrics, dead letters and commits.",
			why:  "Keep it: what a commit says of finished writes beyond its offset names their route, and a renamed route does those again."},
		{path: "routes[].topics", form: formTopics, required: true,
			what: "The topics that the route takes, by name or by pattern."},
		{path: "routes[].topics.regex", form: formText,
			what: "A pattern (RE2) that matches the whole name of a topic; our own topics, of dead letters and of the ledger, are never taken."},
		{path: "routes[].format", form: formFormats, fallback: "json", words: texts(AllFormats()),
			what: "How keys and values are encoded; all but json need kafka.schema_registry (docs/formats.md).",
			why:  "JSON is what Kafka Connect writes unless told otherwise, with and without its schema part."},
		{path: "routes[].format.key", form: formWord, fallback: "json", words: texts(AllFormats()),
			what: "How keys are encoded; with json a key may also be any text or bytes."},
		{path: "routes[].format.value", form: formWord, fallback: "json", words: texts(AllFormats()),
			what: "How values are encoded."},
		{path: "routes[].envelope", form: formWord, required: true, words: texts(Envelopes()),
			what: "The dialect (docs/inputs.md): plain rows, Debezium's envelope, what its ExtractNewRecordState makes of it, or another source's.",
			why:  "There is no default, because a wrong guess writes nonsense into a CRM."},
		{path: "routes[].unwrap", form: formWord, fallback: string(UnwrapNone), words: texts([]Unwrap{UnwrapNone, UnwrapCloudEvents}),
			what: "What stands around the change events; cloudevents in both of its modes, structured and binary.",
			why:  "A topic has one producer, and that is known before the first record comes."},
		{path: "routes[].operation", form: formOperation,
			derived: "a row that carries a CRM id is an update, one without is a create",
			what:    "What happened to a plain row: create, update or delete; only with envelope plain."},
		{path: "routes[].operation.field", form: formPath, what: "The field of the row that says it."},
		{path: "routes[].operation.header", form: formText, what: "The header of the record that says it."},
		{path: "routes[].operation.value", form: formWord, words: []string{"create", "update", "delete"},
			later: []later{{"upsert", "is nothing that happens to a row: write create, and on_create: upsert"}},
			what:  "The same for every row."},
	}
}

func targetRows() []row {
	return []row{
		{path: "routes[].to", form: formSection, required: true,
			what: "The destination of the writes; each one has a lane of its own."},
		{path: "routes[].to.integration", form: formText, required: true, what: "The integration, by name or id."},
		{path: "routes[].to.object", form: formText, required: true, what: "The object, as the integration names it."},
		{path: "routes[].to.group", form: formGroup, required: true,
			what: "The groupRef: whose CRM it is; the same for every row, or taken from it."},
		{path: "routes[].to.group.field", form: formPath, what: "The field of the row that holds the groupRef."},
		{path: "routes[].to.group.header", form: formText, what: "The header of the record that holds the groupRef."},
		{path: "routes[].key", form: formTexts, derived: "the whole key of the record",
			what: "The fields of the source key: from the record's key, else from the row.",
			why:  "Writes of one key reach the CRM in the order of their partition."},
	}
}

// fieldRows is what becomes of a value.
func fieldRows() []row {
	return []row{
		{path: "routes[].fields", form: formFields, derived: "none; required where the route creates or updates",
			what: "The CRM's fields and where their values come from."},
		{path: "routes[].fields.*", form: formField,
			what: "A column, a path into it (address.city), a constant, or what is made of them (docs/values.md)."},
		{path: "routes[].fields.*.from", form: formPath, what: "The long form of the same: a column, or a path into it."},
		{path: "routes[].fields.*.value", form: formConstant, what: "A constant, written as it is: text, number, list, null."},
		{path: "routes[].fields.*.type", form: formWord, derived: "what the record's schema says, else what its JSON says", words: texts(Types()),
			what: "What the value is, where no schema says it.",
			why:  "Without a schema a number of days cannot be told from any other number, and nothing is guessed."},
		{path: "routes[].fields.*.scale", form: formNumber, span: "[-1000,16383]",
			what: "How many digits of a decimal stand behind the point; only with type decimal.",
			why:  "The range is PostgreSQL's."},
		{path: "routes[].fields.*.expr", form: formText,
			what: "An expression over the columns (expr-lang.org) that makes the value; with from, value is what that holds."},
		{path: "routes[].fields.*.as", form: formWord, derived: "the form that loses nothing", words: texts(AllAs()),
			what: "What the CRM gets: HubSpot takes dates as epoch_ms, several choices as a list."},
		{path: "routes[].fields.*.separator", form: formText,
			what: "What stands between the members of a list; only with as list."},
		{path: "routes[].fields.*.default", form: formConstant,
			what: "What is sent in place of null, and by a create in place of a column that the row lacks."},
		{path: "routes[].fields.*.not_finite", form: formConstant, derived: "what default says, else the record is refused",
			what: "What is sent in place of NaN, an infinity, and a date that no year from 1 to 9999 has.",
			why:  "JSON has no such numbers and a CRM no such dates: what stands for them is for you to say."},
		{path: "routes[].fields.*.required", form: formBool, fallback: "false",
			what: "Refuses a row whose value is null or empty, and a create without it."},
		{path: "routes[].fields.*.max_length", form: formSection,
			what: "Bounds a text.",
			why:  "A CRM refuses what is longer than its field."},
		{path: "routes[].fields.*.max_length.characters", form: formNumber, required: true, span: "[1,)",
			what: "How many characters (Unicode code points) it may have.",
			why:  "An empty field is no field."},
		{path: "routes[].fields.*.max_length.over", form: formWord, fallback: "reject", words: texts([]Over{OverReject, OverCut}),
			what: "What happens to a longer one: reject refuses the row, cut shortens it on a whole character.",
			why:  "What is cut is lost without a trace in the CRM, so it has to be asked for."},
		{path: "routes[].fields.*.nulls", form: formWord, derived: "what the route's nulls says", words: texts([]Nulls{NullsSend, NullsOmit, NullsEmpty}),
			what: "What a null of this field becomes."},
	}
}

func extraRows() []row {
	return []row{
		{path: "routes[].associations", form: formAssociations,
			what: "Associations of what is created (HubSpot): a field of the row that holds the array, or a list of them; with id_of in place of to.id it is one with another row's record."},
		{path: "routes[].associations.field", form: formPath, what: "The field of the row that holds the array."},
		{path: "routes[].headers", form: formSections,
			what: "Headers that are passed on to the CRM with every request (Salesforce)."},
		{path: "routes[].headers[].key", form: formText, required: true, what: "The header's name."},
		{path: "routes[].headers[].value", form: formText, required: true, empty: true, what: "The header's value."},
	}
}

func actionRows() []row {
	return []row{
		{path: "routes[].on_create", form: formWord, fallback: "create", words: texts([]Action{ActionCreate, ActionUpsert, ActionIgnore}),
			what: "What a new row becomes: upsert updates the record that id finds, and creates one where it finds none; what is ignored is counted as skipped by this rule.",
			why:  "A create asks the CRM nothing first; say upsert where it may have the row already."},
		{path: "routes[].on_update", form: formWord, fallback: "update", words: texts([]Action{ActionUpdate, ActionUpsert, ActionIgnore}),
			what: "What a changed row becomes: upsert creates it where it has no record yet.",
			why:  "An update that finds no record is refused, so that a lost create is seen and not papered over."},
		{path: "routes[].on_delete", form: formOnDelete, fallback: "delete", words: []string{"delete", "ignore"},
			what: "What a deleted row becomes: a delete, nothing, or an update that sets these fields."},
		{path: "routes[].on_snapshot", form: formWord, derived: "what on_create says", words: texts([]Action{ActionCreate, ActionUpsert, ActionIgnore}),
			what: "What a row read by a snapshot becomes.",
			why:  "A snapshot shows rows for the first time; say upsert or ignore where the CRM has them already."},
		{path: "routes[].on_tombstone", form: formWord, words: []string{"delete", "ignore"},
			derived: "ignore with envelope debezium and cockroach, else delete",
			what:    "What a record without a value is: delete treats it as a deleted row, as on_delete says.",
			why:     "Debezium's envelope and CockroachDB's tell of the delete in an event of its own; CockroachDB's key_only writes no value for any change."},
		{path: "routes[].on_truncate", form: formWord, fallback: string(TruncateDeadLetter), words: texts([]OnTruncate{TruncateIgnore, TruncateStop, TruncateDeadLetter}),
			what: "What happens when a whole table was emptied: stop ends the program and leaves the offset where it is until a person has decided. Never a delete of its records.",
			why:  "A dead letter keeps the event in sight and stops no other table."},
		{path: "routes[].on_key_change", form: formWord, fallback: string(KeyChangeMove), words: texts([]OnKeyChange{KeyChangeMove, KeyChangeRecreate, KeyChangeDeadLetter}),
			what: "What a changed primary key becomes (Debezium: a delete, its tombstone, and a create): move makes it one update of the CRM record under its id, recreate a delete and a create.",
			why:  "A CRM record that is deleted and created again loses its history, its owner and its links."},
		{path: "routes[].on_no_row", form: formWord, fallback: string(NoRowIgnore), words: texts([]OnNoRow{NoRowIgnore, NoRowDeadLetter}),
			what: "What happens to a record that is about no row: a heartbeat, a transaction marker, a schema change, a logical message, a resolved timestamp, a control record.",
			why:  "Sources write them between the rows by design; each is counted as skipped by this rule."},
	}
}

// treatmentRows is what is believed of a change, and how much of it is sent.
func treatmentRows() []row {
	return []row{
		{path: "routes[].before", form: formWord, fallback: "keys", words: []string{"keys", "full"},
			what: "What the source's before images hold: only the key, or the full row (PostgreSQL: REPLICA IDENTITY FULL; MySQL: binlog_row_image=FULL, its default).",
			why:  "Without FULL the other columns of a before image are null or made up, so an id or a group is never taken from them."},
		{path: "routes[].placeholder", form: formText, fallback: DefaultPlaceholder,
			what: "What the source writes for a large value that did not change and was not logged (Debezium: unavailable.value.placeholder); the field is left out.",
			why:  "It is the connector's own default; sent on, it would overwrite the value in the CRM."},
		{path: "routes[].update", form: formWord, fallback: "all", words: texts([]Update{UpdateAll, UpdateChanged}),
			what: "What an update sends: all mapped fields, or those that changed where the event proves it; one that changes none is settled as unchanged.",
			why:  "All of them repair whatever an earlier update did not reach; changed saves requests where a table is mostly touched elsewhere."},
		{path: "routes[].when", form: formText, derived: "every row",
			what: "A condition over the columns (expr-lang.org); rows for which it is false are skipped by this rule."},
		{path: "routes[].nulls", form: formWord, fallback: "send", words: texts([]Nulls{NullsSend, NullsOmit, NullsEmpty}),
			what: "What a null becomes: send clears the CRM's field, omit leaves it as it is, empty sends an empty text.",
			why:  "A value that is gone from the source and stays in the CRM is a wrong one that nobody sees."},
	}
}

func batchRows() []row {
	return []row{
		{path: "routes[].mode", form: formWord, fallback: "synchronous", words: []string{"synchronous"},
			later: []later{{"asynchronous", notYet}},
			what:  "The mode of the writes: with synchronous the answer says what became of each record."},
		{path: "routes[].batch", form: formSection,
			what: "Which writes travel together; routes that share a destination must agree on it."},
		{path: "routes[].batch.size", form: formNumber, fallback: "100", span: "[1,100]",
			what: "Writes in one request.",
			why:  "The API takes at most 100, and fewer cost more of the CRM's request quota."},
		{path: "routes[].batch.linger", form: formDuration, fallback: "1s", span: "[0s,)",
			what: "How long a write may wait for others to fill its batch.",
			why:  "A request with one record costs the quota as much as one with a hundred, and nobody misses a second in a CRM."},
		{path: "routes[].batch.all_or_none", form: formBool, fallback: "false",
			what: "Asks the CRM to write all records of a batch or none.",
			why:  "With false a bad record costs itself only. HubSpot's updates are partial either way."},
		{path: "routes[].batch.in_flight", form: formNumber, fallback: "1", span: "[1,10000]",
			what: "Requests of one destination under way at once.",
			why:  "CRMs lock parent rows: parallel batches of one object refuse one another (Salesforce: UNABLE_TO_LOCK_ROW)."},
		{path: "routes[].batch.bytes", form: formBytes, fallback: "1MiB", span: "[1KiB,64MiB]",
			what: "The size of one request's body; a write that is larger goes alone.",
			why:  "The most common proxy (nginx) refuses more than 1 MiB unless told otherwise, and a hundred ordinary rows are a tenth of it."},
	}
}
