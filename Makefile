# The names people know. `make` lists them.

CARGO ?= cargo
# dev | release: dev compiles in half the time, and what is slow without optimisation is optimised in it too.
PROFILE ?= dev
PEERS ?= 5
PEER ?= 1
NET_DIR ?= target/net
ARGS ?=
# What is simulated by `make sim`, and for each seed by `make soak`.
SCENARIO ?= config/sim/weather.toml
SOAK_SCENARIO ?= config/sim/short.toml
# How long idle nodes are measured.
IDLE_SECONDS ?= 120
# How often processes are killed and files damaged, how often networks fail, and for how many seconds each time.
ROUNDS ?= 300
# In how many orders two replicas get the same records; and how many absences are played, of those that there are.
CASES ?= 1000000
NET_ROUNDS ?= 3
HOLD ?= 75
# What `make figures` plays: these once for each seed, the large ones for the first; storms for DURATION instead of a day.
FIGURES ?= half half-no-anchors storm storm-no-anchors last-bootpeer restart loss
LARGE_FIGURES ?= sizes town city
FIGURE_SEEDS := $(or $(SEEDS),1..2)
FIGURE_PROFILE ?= sim
DURATION ?=
# What `make bench` runs, and the profile that ours is built with. One step begins nothing new after BENCH_CAP seconds.
export BENCH_NODES ?= 16 64 128
export BENCH_STORES ?= memory sqlite
export BENCH_PEERS ?= libp2p mainline python nostr
export BENCH_SEEDS ?= 1
export BENCH_FOLLOWERS ?= 1 16 128 1000
export BENCH_CAP ?= 30
export BENCH_PROFILE ?= release
export BENCH_OUT ?= docs/benchmarks
# Twenty random lives, other ones every time.
SEEDS ?= $(shell awk 'BEGIN { srand(); n = int(rand() * 1000000); print n ".." n + 20 }')

# All suites; those whose tests mostly wait for answers and timers: these suites run side by side, so many tests of each at once.
SUITES := $(sort $(patsubst tests/%/main.rs,%,$(wildcard tests/*/main.rs)) $(patsubst tests/%.rs,%,$(wildcard tests/*.rs)))
WAITING := clock hostile
WAITERS ?= 6

TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/timeline

.DEFAULT_GOAL := help
.PHONY: help build net menu test test-tools sim figures soak soak-sim soak-merge soak-gc soak-faults check bench bench-slice bench-idle deny clean-net tools

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: tools ## Build the program (PROFILE=release for one to keep)
	$(CARGO) build --locked --profile $(PROFILE) --bin timeline

net: build ## Start a network on this machine (PEERS=8, ARGS="--fresh")
	$(BIN) net --dir $(NET_DIR) --peers $(PEERS) $(ARGS)

menu: build ## Open the menu of one person of that network (PEER=2)
	$(BIN) --data-dir $(NET_DIR)/peer-$(PEER) menu

test: tools test-tools ## Run all tests (ARGS=… goes to cargo test)
	$(CARGO) test --locked --lib --bins $(addprefix --test ,$(filter-out $(WAITING),$(SUITES))) $(ARGS)
	@$(MAKE) --no-print-directory --output-sync -j $(words $(WAITING)) $(addprefix suite-,$(WAITING))
	$(CARGO) test --locked --doc

suite-%:
	RUST_TEST_THREADS=$(WAITERS) $(CARGO) test --locked --test $* $(ARGS)

test-tools: ## Install what some tests need beside Rust, where that is possible (chrony, nftables, packages of Python)
	@tests/setup

sim: build ## Play a scenario in a simulated network (SCENARIO=config/sim/storm.toml, ARGS="--seed 7 --out target/sim")
	$(BIN) sim $(SCENARIO) $(ARGS)

figures: ## Play every scenario that has a figure to reach, into target/figures (SEEDS=1..11; DURATION=7d for the storms)
	@$(MAKE) --no-print-directory build PROFILE=$(FIGURE_PROFILE)
	@mkdir -p target/figures && list=target/figures/list && : > $$list && failed=0; \
	play() { \
		name=$$1; seed=$$2; out=target/figures/$$name/$$seed; shift 2; mkdir -p $$out; \
		echo "playing $$name with seed $$seed"; \
		if $(TARGET)/$(if $(filter dev,$(FIGURE_PROFILE)),debug,$(FIGURE_PROFILE))/timeline sim config/sim/$$name.toml \
			--seed $$seed --out $$out "$$@" > $$out/report.txt; then said=met; \
		else failed=1; said="MISSED: $$(grep -oE '(not right|broken): .*' $$out/report.txt | head -n 3 | paste -sd ';' -)"; \
			[ -s $$out/report.txt ] || said="FAILED, see above"; fi; \
		cat $$out/report.txt; printf '%-18s seed %-4s %s\n' "$$name" "$$seed" "$$said" >> $$list; \
	}; \
	seeds=$$(seq $$(echo $(FIGURE_SEEDS) | tr . ' ') | sed '$$d'); \
	for name in $(FIGURES); do for seed in $$seeds; do \
		case $$name in storm*) play $$name $$seed $(if $(DURATION),--duration $(DURATION));; *) play $$name $$seed;; esac; \
	done; done; \
	for name in $(LARGE_FIGURES); do play $$name $$(echo $$seeds | cut -d ' ' -f 1); done; \
	echo; cat $$list; exit $$failed

soak: tools soak-sim soak-merge soak-gc soak-faults ## Random faults for a long time, simulated and real (SEEDS=100..200, ROUNDS=500)

soak-sim: SEEDS := $(SEEDS)
soak-sim: build ## Random faults in simulated networks (SEEDS=100..200 for certain ones, SOAK_SCENARIO=…)
	@echo "seeds $(SEEDS)"
	TIMELINE_SIM_SEEDS=$(SEEDS) $(CARGO) test --locked --test sim -- random_faults
	@for seed in $$(seq $$(echo $(SEEDS) | tr . ' ') | sed '$$d'); do $(BIN) sim $(SOAK_SCENARIO) --seed $$seed || exit 1; done

soak-merge: tools ## Two replicas that get the same records, in a million orders (CASES=100000)
	TIMELINE_TEST_CASES=$(CASES) $(CARGO) test --locked --profile sim --lib -- replicas_with_the_same_records

soak-gc: tools ## Absences of replicas, authors and followers, with every clock, in simulated networks (CASES=10)
	TIMELINE_TEST_CASES=$(CASES) $(CARGO) test --locked --test sim -- nothing_comes_back_after_absences

soak-faults: tools test-tools ## Kills, full disks, damaged files and failing networks (ROUNDS=500; HOLD=90 seconds a partition)
	TIMELINE_TEST_ROUNDS=$(ROUNDS) $(CARGO) test --locked --test store -- kill flip damaged
	TIMELINE_TEST_ROUNDS=$(ROUNDS) $(CARGO) test --locked --test faults -- kills damage
	TIMELINE_TEST_ROUNDS=$(NET_ROUNDS) TIMELINE_TEST_HOLD=$(HOLD) $(CARGO) test --locked --test faults -- networks

check: tools ## Format, lints, documentation, architecture, dependencies
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	$(CARGO) test --locked --test architecture
	@$(MAKE) --no-print-directory deny

bench: tools ## Measure us and others, and write docs/benchmarks (BENCH_NODES=64 BENCH_PEERS="libp2p nostr" BENCH_SEEDS="1 2 3")
	@benches/run

bench-slice: tools ## Measure the way from a post to the follower's line, with real processes
	$(CARGO) bench --locked --bench slice

bench-idle: tools ## Measure what a node costs that does nothing (IDLE_SECONDS=600 for longer)
	TIMELINE_IDLE_SECONDS=$(IDLE_SECONDS) $(CARGO) bench --locked --bench idle

deny: ## Licences and advisories of dependencies, where cargo-deny is installed
	@if command -v cargo-deny >/dev/null 2>&1; then \
		$(CARGO) deny check; \
	else \
		echo "cargo-deny is not installed: licences and advisories were not checked (cargo install cargo-deny)"; \
	fi

clean-net: ## Remove the data of the network on this machine
	rm -rf -- $(NET_DIR)

tools:
	@command -v $(CARGO) >/dev/null 2>&1 || { \
		echo "Rust is missing: install it from https://rustup.rs (1.95 or newer)"; exit 1; }
	@command -v $${CC:-cc} >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 || { \
		echo "A C compiler is missing; the bundled SQLite and ring need one:"; \
		echo "  Debian, Ubuntu  sudo apt install build-essential"; \
		echo "  Fedora          sudo dnf install gcc"; \
		echo "  Alpine          sudo apk add build-base"; \
		echo "  macOS           xcode-select --install"; exit 1; }
