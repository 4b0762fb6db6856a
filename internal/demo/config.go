package demo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// group is the demo's consumer group.
	group = "shop-to-crm"
	// integration is the demo's.
	integration = "hubspot"
	apiKey      = "demo-key"
)

// The times of the demo's CRM, and what the configuration says of them. A real CRM's are
// a minute where these are a second.
const (
	// latency is what the API takes to answer: a quick CRM.
	latency = 10 * time.Millisecond
	// indexLag is how long searches do not see what was written: longer than a killed
	// process takes to be there again, so that whoever searched only once would create a second time.
	indexLag = 1500 * time.Millisecond
	// trustedLag is what the configuration says of it, with a margin for a busy machine.
	trustedLag = 2500 * time.Millisecond
	// timeout is how long a request can be under way.
	timeout = 2 * time.Second
)

// configuration is what a user would write for the shop.
func configuration(brokers []string, api, admin string) string {
	return fmt.Sprintf(template, strings.Join(brokers, `", "`), group, api, api, apiKey, timeout, companies, integration, trustedLag, customers, deals, heartbeat, admin)
}

const template = `kafka:
  brokers: ["%s"]
  group: %s
  instance_id: demo          # whoever comes after a kill has its partitions at once

ampersand:
  url: %s
  search_url: %[3]s
  api_url: %[4]s
  project: demo
  api_key: %[5]s
  timeout: %[6]s

routes:
  - name: companies
    topics: [%[7]s]
    envelope: debezium
    to: {integration: %[8]s, object: company, group: {field: tenant}}
    key: [id]
    id: [ledger, {match: {domain: domain}}]
    search: {index_lag: %[9]s}
    on_create: upsert
    on_update: upsert
    fields: {name: name, domain: domain, numberofemployees: employees, source_id: id}
    batch: {linger: 300ms}

  - name: customers
    topics: [%[10]s]
    envelope: debezium
    to: {integration: %[8]s, object: contact, group: {field: tenant}}
    key: [id]
    id: [ledger, {match: {email: email}}]
    search: {index_lag: %[9]s}
    on_create: upsert
    on_update: upsert
    on_group_change: move
    fields:
      email: email
      firstname: first_name
      lastname: last_name
      phone: phone
      city: city
      source_id: id
      associatedcompanyid: {id_of: {route: companies, key: company_id}}
    batch: {linger: 300ms}

  - name: deals
    topics: [%[11]s]
    envelope: debezium
    to: {integration: %[8]s, object: deal, group: {field: tenant}}
    key: [id]
    id: [ledger, {match: {source_id: id}}]
    search: {index_lag: %[9]s}
    on_create: upsert
    on_update: upsert
    fields: {dealname: name, amount: amount, dealstage: stage, source_id: id}
    associations: [{to: {id: {id_of: {route: companies, key: company_id}}}, types: [{associationCategory: HUBSPOT_DEFINED, associationTypeId: 341}]}]
    batch: {linger: 300ms}

skip:
  - name: heartbeats
    topics: [%[12]s]

retry: {initial: 100ms, max: 1s}
limits: {search_rate: 200}   # the sandbox takes more than HubSpot does
shutdown_timeout: 3s
admin: {listen: %[13]q}
log: {level: warn}
`

// route is what the configuration says of a table.
type route struct {
	name, object string
	// fields are the CRM's fields and the columns that they are taken from.
	fields map[string]string
}

var routes = map[string]route{
	companies: {"companies", "company", map[string]string{
		"name": "name", "domain": "domain", "numberofemployees": "employees", sourceID: "id",
	}},
	customers: {"customers", "contact", map[string]string{
		"email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone", "city": "city", sourceID: "id",
	}},
	deals: {"deals", "deal", map[string]string{"dealname": "name", "amount": "amount", "dealstage": "stage", sourceID: "id"}},
}

// The CRM's fields that say which row a record is, and which record a contact's company is.
const (
	sourceID  = "source_id"
	companyID = "associatedcompanyid"
)

// columns are those of a table that are mapped, in order.
func (r route) columns() []string {
	columns := slices.Collect(maps.Values(r.fields))
	if r.object != "company" {
		columns = append(columns, "company_id")
	}
	return slices.Sorted(slices.Values(columns))
}
