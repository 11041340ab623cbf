# Targets document themselves: `make help`.
SHELL := /bin/sh
GO    ?= go
BIN   := bin
GOLANGCI_VERSION := v2.15.0
MODULE := github.com/probefleet/probefleet
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
# Static binaries; the race detector alone needs a C compiler.
export CGO_ENABLED ?= 0
FUZZTIME ?= 60s
AXE_VERSION := 4.14.1

.DEFAULT_GOAL := help
# Every target that `make help` lists is a command, not a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*## .*/\1/p' $(MAKEFILE_LIST))

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: deps build ## everything on this machine, with a demo shop: status page on http://127.0.0.1:8080
	@exec $(BIN)/probefleet up -demo

test: deps ## every test: real Postgres, real Chromium, the local SQS server, the built binaries, the images where a Docker engine can be had
	$(GO) test -timeout 20m $$($(GO) list ./... | grep -v /e2e/images)
	@# By themselves: each container that starts changes the machine's network,
	@# and Chromium gives up what it is loading then.
	@sh scripts/engine.sh $(GO) test -timeout 20m ./e2e/images

images: ## the images control, worker and deployer; BASE=, REGISTRY=, TAG=, ARCH=, FONTS= and TARGETS= as scripts/images.sh says
	@sh scripts/engine.sh sh scripts/images.sh

test-images: ## the tests of the images alone (needs Linux and a Docker engine, or root to start one)
	@sh scripts/engine.sh $(GO) test -count 1 -timeout 30m -v ./e2e/images

host: ## deploy/instance on a host that boots, under a kernel of its own: releases, a killed deployer, shutdown, power cut; about 20 minutes (needs root on Linux, both images; docs/testing.md)
	@sh scripts/engine.sh sh scripts/host.sh

check: lint ## what CI runs before the tests: formatting, vet, linters
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these files"; exit 1; }
	$(GO) vet ./...
	$(GO) mod verify

build: ## the binaries, into bin/
	@mkdir -p $(BIN)
	@echo "building (the first time takes a few minutes)"
	$(GO) build -ldflags '-X $(MODULE)/cmd/internal/daemon.build=$(VERSION)' -o $(BIN)/ ./cmd/... ./examples/shop

deps: ## install Chromium and Postgres where they are missing
	@sh scripts/deps.sh

lint: $(BIN)/golangci-lint-$(GOLANGCI_VERSION) ## golangci-lint alone
	$(BIN)/golangci-lint-$(GOLANGCI_VERSION) run

$(BIN)/golangci-lint-$(GOLANGCI_VERSION):
	@mkdir -p $(BIN)
	@echo "building golangci-lint $(GOLANGCI_VERSION) (a few minutes, once)"
	@GOBIN=$(CURDIR)/$(BIN) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(BIN)/golangci-lint $@

bench: deps ## benchmarks: inner loops, the pipeline beside what the machine allows, an idle fleet, the whole with its memory
	$(GO) test -run '^$$' -bench . -benchtime 1s -benchmem -timeout 60m ./internal/...
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./e2e/speed
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 20m ./e2e

fuzz: ## every fuzz test of the codec, FUZZTIME each (default 60s, 10 minutes in all)
	@for f in $$(grep -ho 'func Fuzz[A-Za-z]*' internal/codec/*_test.go | cut -d' ' -f2); do \
		$(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./internal/codec || exit 1; \
	done

conformance-sqs: ## what a standard queue must do, held against ENDPOINT=http://HOST:PORT (default: our own server)
	PROBEFLEET_SQS_CONFORMANCE_ENDPOINT=$(ENDPOINT) $(GO) test -count 1 -timeout 30m -run '^TestConformance$$' ./internal/sqslocal

conformance: deps ## recordings of a folder, RECORDINGS=FOLDER, with what they have to lead to: flows, selectors, refusals
	@test -n "$(RECORDINGS)" || { echo "name the folder: make conformance RECORDINGS=../recordings"; exit 2; }
	@test -f "$(RECORDINGS)/runner-cases.json" || { echo "$(RECORDINGS) holds no runner-cases.json; name a folder of recorded cases"; exit 2; }
	PROBEFLEET_RECORDINGS="$(abspath $(RECORDINGS))" $(GO) test -count 1 -timeout 20m -v -run '^TestConformance$$' ./internal/runner/browserrunner

race: deps ## every test under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 40m ./...

bench-browser: deps ## browser checks: ours beside plain chromedp and hand-written CDP, interleaved; ROUNDS=n (about 40 s each)
	PROBEFLEET_BENCH_BROWSER_ROUNDS=$(or $(ROUNDS),6) $(GO) test -count 1 -timeout 60m -v -run '^TestSpeed$$' ./internal/runner/browserrunner

chaos-browser: deps ## 500 browser checks of which a tenth crash, hang, leak or allocate without end; RUNS=n for another number
	PROBEFLEET_CHAOS_BROWSER_RUNS=$(or $(RUNS),500) $(GO) test -count 1 -timeout 60m -v -run '^TestChaos$$' ./internal/runner/browserrunner

bars-short: deps ## the bars of delivery in their short form, about 10 minutes; SEED=n replays (needs a C compiler)
	@$(GO) run ./e2e/chaos

bars: deps ## the bars of delivery in full, some hours; SEED=n replays (needs a C compiler)
	@$(GO) run ./e2e/chaos -full

AXE := $(BIN)/axe/node_modules/axe-core/axe.min.js

$(AXE):
	@command -v npm >/dev/null || { echo "axe-core comes by npm: install Node.js first"; exit 1; }
	@mkdir -p $(BIN)/axe
	npm install --prefix $(BIN)/axe --no-audit --no-fund --no-save --silent axe-core@$(AXE_VERSION)

axe: deps $(AXE) ## every page of ours in Chromium under axe-core: nothing serious (needs npm)
	PROBEFLEET_AXE="$(abspath $(AXE))" $(GO) test -count 1 -timeout 60m -v -run '^TestAxe' ./internal/dashboard ./cmd/internal/consolecmd

bench-dashboard: deps ## status page and console over CHECKS=n checks (default 10000) with 90 days and RUNS=n runs (default 2000000), read by 50, each line with its bar; bytes a million runs; EXPLAIN into docs/queries.md with EXPLAIN=1
	PROBEFLEET_BENCH_CHECKS=$(or $(CHECKS),10000) PROBEFLEET_BENCH_RUNS=$(or $(RUNS),2000000) PROBEFLEET_BENCH_EXPLAIN=$(EXPLAIN) $(GO) test -count 1 -timeout 60m -v -run '^TestSpeedOfThePages$$' ./cmd/internal/scale

outage: deps ## the database stopped for OUTAGE=90s under load: the page answers with its age, the recorder takes up again, nothing is lost
	PROBEFLEET_OUTAGE=$(or $(OUTAGE),90s) $(GO) test -count 1 -timeout 20m -v -run '^TestThePageOutlivesItsDatabase$$' ./internal/dashboard

bench-fold: deps ## recording with states and incidents beside recording without, in interleaved rounds, per second of CPU
	PROBEFLEET_BENCH_FOLD=1 $(GO) test -count 1 -timeout 30m -v -run '^TestCostOfTheFold$$' ./internal/store

TERRAFORM_CHECK ?= ../shared/terraform-check/terraform-check

terraform: ## every module and stage of Terraform: validated and tested; without a network where ../shared/terraform-check is there
	@CHECK="$(abspath $(TERRAFORM_CHECK))" sh scripts/terraform.sh

clean: ## remove what was built; history stays in .probefleet
	rm -rf $(BIN)
