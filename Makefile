# What people type. What must hold is in .ci/run, which `make ci` runs whole.
.DEFAULT_GOAL := build
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
IMAGE ?= ampersink:$(VERSION)

.PHONY: build test race virtual real chaos lint format bench demo ci image up down clean

build: ## bin/ampersink, static
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.release=$(VERSION)' -o bin/ampersink ./cmd/ampersink

test: ## everything that needs no service
	go test ./...

race:
	go test -race ./...

virtual: ## the tests in virtual time, and 500 seeds of the simulation
	.ci/run virtual simulation

real: ## the tests on a real Kafka, started for them from its jars (Java 17, Maven)
	.ci/run real

chaos: ## the program killed and frozen beside a real Kafka, by seeds
	.ci/run chaos

lint:
	.ci/run modules format vet lint

format:
	gofmt -w .

bench:
	go test -run '^$$' -bench . -benchmem ./...

demo:
	go run ./cmd/ampersink demo

ci:
	.ci/run

image:
	docker build --build-arg VERSION=$(VERSION) -t $(IMAGE) .

up: ## Kafka, PostgreSQL, Debezium, the sandbox and ampersink on loopback
	docker compose up --build --detach --wait

down:
	docker compose down --volumes

clean:
	rm -rf bin
