-- Run once, when the database is created.
CREATE TABLE customers (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL UNIQUE,
    first_name text,
    last_name  text,
    company    text
);

-- What Debezium may see: this table, as a user that may read it and follow the log.
CREATE PUBLICATION debezium FOR TABLE customers;
CREATE ROLE debezium LOGIN REPLICATION PASSWORD 'debezium';
GRANT SELECT ON customers TO debezium;

INSERT INTO customers (email, first_name, last_name, company) VALUES
    ('grace@example.com', 'Grace', 'Hopper', 'Example Navy'),
    ('alan@example.com', 'Alan', 'Turing', 'Example Park');
