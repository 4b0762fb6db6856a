package config

import "slices"

// globalRows is every key outside routes, in the order of the reference page.
func globalRows() []row {
	return slices.Concat(kafkaRows(), securityRows(), registryRows(), ampersandRows(), settlingRows(), ledgerRows(), failureRows(), runningRows())
}

func kafkaRows() []row {
	return []row{
		{path: "kafka", form: formSection, required: true,
			what: "The cluster, the consumer group, and where the group starts."},
		{path: "kafka.brokers", form: formTexts, required: true,
			what: "Addresses (host:port) to ask first; the other brokers are learned from them.",
			why:  "Name two or three, so that a start does not depend on one machine."},
		{path: "kafka.group", form: formText, required: true,
			what: "The consumer group, whose members share the partitions.",
			why:  "Its commits are what a restart goes on from: another name starts anew."},
		{path: "kafka.start", form: formWord, fallback: "earliest", words: []string{"earliest", "latest"},
			what: "Where a group without offsets starts.",
			why:  "With latest, what is already in the topics would never reach the CRM."},
		{path: "kafka.on_lost_offset", form: formWord, fallback: "stop", words: []string{"stop", "earliest", "latest"},
			what: "What happens when the committed offset is gone from its topic (retention, a topic made anew).",
			why:  "Records are missing then, and only a person can say whether that is right: so it stops and says what was lost."},
		{path: "kafka.session_timeout", form: formDuration, fallback: "45s", span: "[6s,30m]",
			what: "How long the group waits for a silent member before its partitions go to another one.",
			why:  "Kafka's own default; brokers refuse less than 6 s and more than 30 min unless told otherwise."},
		{path: "kafka.instance_id", form: formText,
			what: "Makes this a static member: a restart within session_timeout moves no partition.",
			why:  "Every instance needs a name of its own, that of its pod for example. Never let two processes run under one name: the brokers hand the partitions over at once, while the first one may still be sending."},
		{path: "kafka.client_id", form: formText, fallback: "ampersink",
			what: "The client's name in the brokers' logs, metrics and quotas."},
		{path: "kafka.balancer", form: formWord, fallback: "cooperative-sticky", words: []string{"cooperative-sticky", "range"},
			what: "How the group's partitions are given out.",
			why:  "With cooperative-sticky a member that comes or goes interrupts only the partitions that move."},
	}
}

// securityRows is how the brokers are known and how they know us.
func securityRows() []row {
	return []row{
		{path: "kafka.tls", form: formSection,
			what: "TLS to the brokers; an empty section (tls: {}) trusts the system's authorities.",
			why:  "Without the key the connection is not encrypted."},
		{path: "kafka.tls.ca", form: formFile,
			what: "The authorities to trust instead of the system's, in PEM form."},
		{path: "kafka.tls.cert", form: formFile,
			what: "The client's certificate in PEM form, for mutual TLS; goes with key."},
		{path: "kafka.tls.key", form: formFile,
			what: "The private key of cert in PEM form."},
		{path: "kafka.tls.server_name", form: formText, derived: "the host of the address",
			what: "The name that the brokers' certificates must carry."},
		{path: "kafka.sasl", form: formSection,
			what: "The login at the brokers; without the key there is none."},
		{path: "kafka.sasl.mechanism", form: formWord, required: true, words: []string{"plain", "scram-sha-256", "scram-sha-512"},
			what: "How the password is proved; the cluster decides which one it takes."},
		{path: "kafka.sasl.user", form: formText, required: true,
			what: "The user."},
		{path: "kafka.sasl.password", form: formSecret, required: true,
			what: "The password; better from ${NAME} or ${file:PATH} than written here."},
		{path: "kafka.sasl.allow_plaintext", form: formBool, fallback: "false",
			what: "Accepts mechanism plain without TLS.",
			why:  "The password is readable on the way then, which is a mistake more often than a wish."},
	}
}

// registryRows is where the schemas are.
func registryRows() []row {
	return []row{
		{path: "kafka.schema_registry", form: formSection,
			what: "The schema registry, for routes whose format is not json; any that speaks Confluent's API (Apicurio: the address ends in /apis/ccompat/v7)."},
		{path: "kafka.schema_registry.url", form: formText, required: true,
			what: "Its address."},
		{path: "kafka.schema_registry.user", form: formText,
			what: "The user, or the API key of Confluent Cloud; goes with password."},
		{path: "kafka.schema_registry.password", form: formSecret,
			what: "The password; better from ${NAME} or ${file:PATH} than written here."},
		{path: "kafka.schema_registry.allow_http", form: formBool, fallback: "false",
			what: "Accepts a password for a url without TLS to a host that is not this machine.",
			why:  "The password is readable on the way then."},
		{path: "kafka.schema_registry.timeout", form: formDuration, fallback: "5s", span: "[100ms,1m]",
			what: "How long a request may take, its answer included.",
			why:  "A registry answers from its memory; what takes longer is asked again, and only the partitions that need the schema wait."},
		{path: "kafka.schema_registry.tls", form: formSection,
			what: "TLS to an https:// url in another way than with the system's authorities."},
		{path: "kafka.schema_registry.tls.ca", form: formFile,
			what: "The authorities to trust instead of the system's, in PEM form."},
		{path: "kafka.schema_registry.tls.cert", form: formFile,
			what: "The client's certificate in PEM form, for mutual TLS; goes with key."},
		{path: "kafka.schema_registry.tls.key", form: formFile,
			what: "The private key of cert in PEM form."},
		{path: "kafka.schema_registry.tls.server_name", form: formText, derived: "the host of the url",
			what: "The name that the registry's certificate must carry."},
	}
}

func ampersandRows() []row {
	return []row{
		{path: "ampersand", form: formSection, required: true,
			what: "The write API, and the project that the key belongs to."},
		{path: "ampersand.url", form: formText, fallback: "https://write.withampersand.com/v1",
			what: "Where the write API is; another one for the sandbox or a proxy.",
			why:  "The default is the public endpoint."},
		{path: "ampersand.allow_http", form: formBool, fallback: "false",
			what: "Accepts a url, search_url or api_url without TLS to a host that is not this machine.",
			why:  "The API key is readable on the way then."},
		{path: "ampersand.api_key", form: formSecret, required: true,
			what: "The project's API key; better from ${NAME} or ${file:PATH} than written here.",
			why:  "A key that is ${file:PATH} and nothing else is read again when the API refuses it, so it can be rotated."},
		{path: "ampersand.project", form: formText, required: true,
			what: "The project, by id or name."},
		{path: "ampersand.search_url", form: formText, fallback: "https://search.withampersand.com/v1",
			what: "Where records are searched by their fields, to tell which one a row is.",
			why:  "The default is the public endpoint."},
		{path: "ampersand.api_url", form: formText, fallback: "https://api.withampersand.com/v1",
			what: "Where operations are looked up: what validate --connect asks to prove the key.",
			why:  "The default is the public endpoint."},
		{path: "ampersand.timeout", form: formDuration, fallback: "60s", span: "[1s,10m]",
			what: "How long a request may take, its answer included.",
			why:  "A slow CRM takes tens of seconds for a full batch, and a create that is cut off is in doubt: waiting is cheaper."},
	}
}

// settlingRows is where records go.
func settlingRows() []row {
	return []row{
		{path: "routes", form: formSections, required: true,
			what: "Which topics become writes to which object, and how; several routes may take one topic, whose records have one envelope."},
		{path: "skip", form: formSections,
			what: "Topics whose records are skipped on purpose and counted under the rule's name.",
			why:  "A topic that neither a route nor a rule takes is dead-lettered, never dropped in silence."},
		{path: "skip[].name", form: formText, required: true,
			what: "The rule's name in metrics and logs."},
		{path: "skip[].topics", form: formTopics, required: true,
			what: "The topics to skip. A name goes before the pattern of a route; a pattern leaves to a route what it takes, but for records that are about no row."},
		{path: "skip[].topics.regex", form: formText,
			what: "A pattern (RE2) that matches the whole name of a topic."},
		{path: "dead_letter", form: formSection, meant: "topic",
			what: "Where records go that were refused for good, with the reason in their headers."},
		{path: "dead_letter.topic", form: formText, fallback: `"{topic}.dead"`,
			what: "The topic's name; {topic} is the topic that the record came from.",
			why:  "One for each source keeps retention, rights and replay apart."},
		{path: "dead_letter.create", form: formBool, fallback: "true",
			what: "Creates the topic when it is missing, with as many partitions as its source.",
			why:  "With false a missing topic stops its sources, since no record is dropped."},
	}
}

// failureRows is what is done when a write was not written.
func failureRows() []row {
	return []row{
		{path: "retry", form: formSection,
			what: "How a request that failed through nobody's fault is sent again."},
		{path: "retry.initial", form: formDuration, fallback: "200ms", span: "[1ms,)",
			what: "The first delay; it grows with each failure, with jitter. A delay that the API names goes first.",
			why:  "Most faults are over as soon as a gateway has found another server."},
		{path: "retry.max", form: formDuration, fallback: "30s", span: "[1ms,)",
			what: "The longest delay.",
			why:  "An API that comes back is noticed within half a minute, and two requests a minute hurt nobody."},
		{path: "retry.patience", form: formDuration, fallback: "5m", span: "[1ms,)",
			what: "How long it is retried before the lane holds: shown as held, probed, resumed by itself.",
			why:  "Longer than a deployment or a failover takes; records never die of an outage."},
		{path: "in_doubt", form: formWord, fallback: "park", words: []string{"park", "resend"},
			what: "What becomes of a create whose answer was lost, where no match finds out whether it was written: park puts it into the dead letters with its evidence, resend sends it again.",
			why:  "It may have been written and the API cannot recognise a repetition, so resend accepts duplicates in the CRM."},
		{path: "flood", form: formSection,
			what: "When refusals are taken for a fault of the destination: its writes are then held and probed instead of being dead-lettered on."},
		{path: "flood.window", form: formNumber, fallback: "200", span: "[10,10000]",
			what: "How many of a destination's last writes are looked at.",
			why:  "Two full batches: a field that was renamed in the CRM is found before a third is refused."},
		{path: "flood.share", form: formShare, fallback: "0.5", span: "(0,0.99]",
			what: "It is a flood when more than this share of them was refused with one code.",
			why:  "Bad rows are the exception in every source; when they are the rule, the rows are not what is wrong. More than all of them is never refused, so 1 would be a guard that never acts: action says that."},
		{path: "flood.keys", form: formNumber, fallback: "100", span: "[2,10000]",
			what: "And when they are of this many different keys at least.",
			why:  "A row that is refused again and again is one row."},
		{path: "flood.action", form: formWord, fallback: "hold", words: []string{"hold", "dead_letter"},
			what: "dead_letter switches the guard off: what is refused is dead-lettered.",
			why:  "A held write goes on by itself when the destination is mended; a topic of dead letters has to be replayed."},
	}
}

// runningRows is how the process lives beside others.
func runningRows() []row {
	return []row{
		{path: "limits", form: formSection,
			what: "What the program may take."},
		{path: "limits.memory", form: formBytes, fallback: "32MiB", span: "[8MiB,)",
			what: "The unpacked bytes of records that may be buffered, over all lanes, what was fetched ahead and what waits for a commit; full pauses the fetch.",
			why:  "Enough to keep every lane's next batch ready. Below 8 MiB one fetched batch of a broker's largest default size (1 MiB, which change events unpack about sixfold) would not fit."},
		{path: "limits.lane_share", form: formShare, fallback: "0.25", span: "(0,1]",
			what: "The share of memory that one lane that is held, or has no answers, may fill before the partitions that feed it pause; all such lanes together may fill half.",
			why:  "A tenant whose CRM is down leaves most of the memory to the others."},
		{path: "limits.requests", form: formNumber, fallback: "64", span: "[1,10000]",
			what: "Requests under way at once over all lanes, given out in turn.",
			why:  "Dozens of tenants write at the same time, and the connections stay few enough for any proxy."},
		{path: "limits.search_rate", form: formShare, fallback: "4", span: "(0,)",
			what: "Searches a second for one integration and group.",
			why:  "HubSpot takes 5 a second for one account, and somebody else searches too."},
		{path: "shutdown_timeout", form: formDuration, fallback: "30s", span: "[1s,1h]",
			what: "How long work under way may take to finish after SIGTERM; then requests are cancelled.",
			why:  "Kubernetes kills after 30 s by default: raise terminationGracePeriodSeconds above this."},
		{path: "admin", form: formSection, meant: "listen",
			what: "The listener of /healthz, /readyz, /metrics and /status."},
		{path: "admin.listen", form: formText, fallback: "127.0.0.1:8080", empty: true,
			what: `host:port; ":8080" listens on every address, "" not at all.`,
			why:  "The pages ask for no password, so others see them only when you say so."},
		{path: "log", form: formSection,
			what: "The log, written to standard error."},
		{path: "log.level", form: formWord, fallback: "info", words: []string{"debug", "info", "warn", "error"},
			what: "The least important level that is written.",
			why:  "At info nothing is written per record."},
		{path: "log.format", form: formWord, fallback: "auto", words: []string{"auto", "json", "console"},
			what: "json for machines, console for people, auto: console on a terminal and json elsewhere."},
	}
}
