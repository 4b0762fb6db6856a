package demo

import (
	"fmt"
	"strings"
)

// group is the demo's consumer group.
const group = "shop-to-crm"

// configuration is what a user would write for the shop.
func configuration(brokers []string, api, admin string) string {
	return fmt.Sprintf(`kafka:
  brokers: ["%s"]
  group: %s

ampersand:
  url: %s
  search_url: %[3]s
  api_url: %[4]s
  project: demo
  api_key: demo-key

routes:
  - name: customers
    topics: [%[5]s]
    envelope: debezium
    to: {integration: %[6]s, object: contact, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {email: email, firstname: first_name, lastname: last_name, phone: phone, city: address.city, source_id: id}
    batch: {linger: 50ms}

  - name: companies
    topics: [%[7]s]
    envelope: debezium
    to: {integration: %[6]s, object: company, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {name: name, domain: domain, numberofemployees: employees, source_id: id}
    batch: {linger: 50ms}

  - name: deals
    topics: [%[8]s]
    envelope: debezium
    to: {integration: %[6]s, object: deal, group: {field: tenant}}
    id: {field: crm_id}
    before: full
    fields: {dealname: name, amount: amount, dealstage: stage, source_id: id}
    batch: {linger: 50ms}

skip:
  - name: heartbeats
    topics: [%[9]s]

admin: {listen: %[10]q}
log: {level: warn}
`, strings.Join(brokers, `", "`), group, api, api, customers, integration, companies, deals, heartbeat, admin)
}

// integration is the demo's.
const integration = "hubspot"

// object is the CRM object of a table, and mapped names the CRM field of a column,
// as the configuration says.
var (
	object = map[string]string{customers: "contact", companies: "company", deals: "deal"}
	mapped = map[string]map[string]string{
		customers: {"email": "email", "firstname": "first_name", "lastname": "last_name", "phone": "phone", "source_id": "id"},
		companies: {"name": "name", "domain": "domain", "numberofemployees": "employees", "source_id": "id"},
		deals:     {"dealname": "name", "amount": "amount", "dealstage": "stage", "source_id": "id"},
	}
)
