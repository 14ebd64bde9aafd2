# Two commands do all the set-up: `make demo` and `make test`. Each installs what this machine lacks, then builds.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# A header or program, and the Debian package that brings it.
SYSTEM := /usr/include/sqlite3.h:libsqlite3-dev /usr/bin/git:git /usr/bin/python3:python3 /usr/bin/openssl:openssl /usr/bin/pkg-config:pkg-config \
	/usr/include/zlib.h:zlib1g-dev
CURL := libcurl4-openssl-dev
PEERS := haproxy nginx wrk
VENV := .build/venv-mlserver
MOTO_VENV := .build/venv-moto
MLFLOW_VENV := .build/venv-mlflow
GCS_VENV := .build/venv-gcs
GRPC_VENV := .build/venv-grpc
SBOM_VENV := .build/venv-sbom
AXE := .build/axe
SBOM := .build/sbom.cdx.json
# Debian brings Python's virtual environments in a package of their own.
NEEDS_VENV := python3 -c 'import ensurepip, venv' 2>/dev/null || { $(SUDO) apt-get update -qq; $(SUDO) apt-get install -y -qq python3-venv >/dev/null; }
CONTAINERFILE := controller/Containerfile
RELEASE := .build/release/mlctl
TEST := .ci/test
# So many tests at once keep two cores busy, and leave time to those that have a clock.
AT_ONCE := --experimental-maximum-parallelization-width 16

.PHONY: deps build release demo test test-unit test-e2e bench fuzz lint format clean sbom base-digests deps-mlserver \
	deps-prometheus deps-stores deps-stores-python deps-grpc deps-chromium deps-bench

deps:
	@missing=""; \
	for pair in $(SYSTEM); do [ -e "$${pair%%:*}" ] || missing="$$missing $${pair##*:}"; done; \
	[ -n "$$(ls /usr/include/curl/curl.h /usr/include/*/curl/curl.h 2>/dev/null)" ] || missing="$$missing $(CURL)"; \
	if [ -n "$$missing" ]; then \
	  echo "installing:$$missing"; \
	  $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
	@command -v swift >/dev/null || { echo "swift is missing: install Swift 6.2 or newer from https://swift.org/install"; exit 1; }

build: deps
	swift build --product mlctl

release: deps
	swift build -c release --product mlctl -Xlinker -s

demo: build
	.build/debug/mlctl demo

# MLServer, a server that nobody here wrote, in a virtual environment of its own.
deps-mlserver:
	@if [ ! -x $(VENV)/bin/mlserver ]; then \
	  $(NEEDS_VENV); \
	  python3 -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check -r manifests/runtimes/requirements-mlserver.txt; \
	fi

# A source of evidence that nobody here wrote. Where it cannot be had, the tests that need it are skipped.
deps-prometheus:
	@command -v prometheus >/dev/null || { $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } \
	  || echo "prometheus could not be installed: its tests are skipped"

# A real browser for the dashboard, and the rules of accessibility that it is checked by. Where it cannot be had, the tests that need it are skipped.
deps-chromium:
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "chromium could not be installed: its tests are skipped"
	@[ -d $(AXE) ] || { $(NEEDS_VENV); mkdir -p $(AXE).download \
	  && python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r .ci/requirements-axe.txt -d $(AXE).download \
	  && python3 -m zipfile -e $(AXE).download/*.whl $(AXE); } || echo "axe-core could not be fetched: its test is skipped"

# Stores that nobody here wrote: moto's S3 with signatures, MLflow's server, Docker's registry, an emulator of Cloud Storage.
# Where one cannot be had, the tests that need it are skipped.
deps-stores: deps-stores-python
	@[ -x /usr/bin/docker-registry ] || { $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends docker-registry >/dev/null; } \
	  || echo "docker-registry could not be installed: its tests are skipped"

deps-stores-python:
	@[ -x $(MOTO_VENV)/bin/moto_server ] || { \
	  { $(NEEDS_VENV); } \
	  && python3 -m venv $(MOTO_VENV) && $(MOTO_VENV)/bin/pip install --quiet --disable-pip-version-check -r .ci/requirements-stores.txt; } \
	  || echo "moto could not be installed: its tests are skipped"
	@[ -x $(MLFLOW_VENV)/bin/mlflow ] || { \
	  { $(NEEDS_VENV); } \
	  && python3 -m venv $(MLFLOW_VENV) && $(MLFLOW_VENV)/bin/pip install --quiet --disable-pip-version-check -r .ci/requirements-mlflow.txt; } \
	  || echo "mlflow could not be installed: its tests are skipped"
	@[ -x $(GCS_VENV)/bin/gcp-storage-emulator ] || { \
	  { $(NEEDS_VENV); } \
	  && python3 -m venv $(GCS_VENV) && $(GCS_VENV)/bin/pip install --quiet --disable-pip-version-check -r .ci/requirements-gcs.txt; } \
	  || echo "gcp-storage-emulator could not be installed: its tests are skipped"

# Clients and servers of gRPC that nobody here wrote: grpcio. Where it cannot be had, the tests that need it are skipped.
deps-grpc:
	@[ -d "$$(ls -d $(GRPC_VENV)/lib/python*/site-packages/grpc 2>/dev/null | head -1)" ] || { \
	  { $(NEEDS_VENV); } \
	  && python3 -m venv $(GRPC_VENV) \
	  && $(GRPC_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements-grpc.txt; } \
	  || echo "grpcio could not be installed: its tests are skipped"

test: test-unit test-e2e

# In parallel; simulations and statistics, which take all that they can get, and those of real sockets and processes apart,
# so that none starves the others on two cores.
test-unit: deps deps-prometheus deps-stores deps-grpc deps-chromium
	swift build --build-tests
	$(TEST) $(AT_ONCE) --skip EndToEndTests --skip SimulationTests --skip AnalysisTests --skip LocalServingTests \
	  --skip TrafficProxyTests --skip GitSourceTests --skip ControlAPITests
	$(TEST) --filter AnalysisTests
	$(TEST) --filter SimulationTests --skip ClusterReconciliation --skip ClusterStrategies
	$(TEST) --filter 'ClusterReconciliation|ClusterStrategies'
	$(TEST) $(AT_ONCE) --filter 'GitSourceTests|ControlAPITests'
	$(TEST) $(AT_ONCE) --filter LocalServingTests
	$(TEST) $(AT_ONCE) --filter TrafficProxyTests

# End to end: real git, real processes, the real proxy, and MLServer; one scenario at a time, for two cores.
test-e2e: deps deps-mlserver deps-stores deps-grpc
	swift build --build-tests
	MLCTL_TEST_VENV="$(CURDIR)/$(VENV)" $(TEST) --filter EndToEndTests --no-parallel

deps-bench: deps
	@missing=""; for peer in $(PEERS); do command -v $$peer >/dev/null || [ -x /usr/sbin/$$peer ] || missing="$$missing $$peer"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; $(SUDO) apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

# Figures in a release build, beside their peers. Some of them: make bench ONLY="proxy kill"
bench: deps-bench release
	swift build -c release --product Benchmarks -Xlinker -s
	.build/release/Benchmarks $(RELEASE) $(ONLY)

# libFuzzer, as the toolchain brings it; what it may take for one input; and where its work lies.
FUZZER = $(shell ls "$$(dirname "$$(readlink -f "$$(command -v swiftc)")")"/../lib/clang/*/lib/linux/libclang_rt.fuzzer_no_main-$$(uname -m).a 2>/dev/null | tail -1)
FUZZ_LIMITS := -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=8192
FUZZ_BUILD := .build/fuzz
FUZZ_WORK := .build/fuzz-work
FUZZ := SWIFT_BACKTRACE=enable=no $(FUZZ_BUILD)/release/Fuzz
SECONDS := 60
RUNS := -1

# Parsers of what others write, each for SECONDS or for RUNS inputs: make fuzz ONLY="yaml http-request-head" SECONDS=600
# What is new is added to Tests/FuzzTests/Corpus, and an input that fails lies in .build/fuzz-work/TARGET/failures.
fuzz: deps
	@[ -n "$(FUZZER)" ] || { echo "this toolchain has no libclang_rt.fuzzer_no_main: install Swift from https://swift.org/install"; exit 1; }
	MLCTL_FUZZER="$(FUZZER)" swift build -c release --scratch-path $(FUZZ_BUILD) --product Fuzz -Xcc -fsanitize=fuzzer-no-link
	@awk '/^ *__sancov_cntrs$$/ { getline; print $$1, $$2, $$3 }' $(FUZZ_BUILD)/release/Fuzz.map >$(FUZZ_BUILD)/release/Fuzz.counters
	@failed=""; \
	for target in $(or $(ONLY),$$($(FUZZ) list)); do \
	  work=$(FUZZ_WORK)/$$target; rm -rf $$work/kept $$work/least; mkdir -p $$work/found $$work/failures $$work/least; \
	  $(FUZZ) unpack $$target $$work/kept; $(FUZZ) words $$target >$$work/words; \
	  if $(FUZZ) run $$target $$work/found $$work/kept -dict=$$work/words -max_total_time=$(SECONDS) -runs=$(RUNS) $(FUZZ_LIMITS) \
	    -print_final_stats=1 -artifact_prefix=$$work/failures/ >$$work/log 2>&1; \
	  then echo "$$target: $$(grep -oE 'number_of_executed_units: *[0-9]+|average_exec_per_sec: *[0-9]+|peak_rss_mb: *[0-9]+' $$work/log | tr -s ' \n' ' ')"; \
	  else echo "$$target: FAILED, see $$work/log"; failed="$$failed $$target"; fi; \
	  $(FUZZ) run $$target -merge=1 $(FUZZ_LIMITS) $$work/least $$work/kept $$work/found >$$work/merge.log 2>&1 || true; \
	  $(FUZZ) keep $$target $$work/least; \
	done; \
	[ -z "$$failed" ] || { echo "failed:$$failed; CONTRIBUTING.md says what to do with the inputs in $(FUZZ_WORK)/*/failures"; exit 1; }

lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests

format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests

# What a build is made of, as CycloneDX, checked against its schema. Of the packages and the libraries that are here now.
sbom: deps
	@if [ ! -e $(SBOM_VENV)/complete ]; then \
	  $(NEEDS_VENV); \
	  python3 -m venv $(SBOM_VENV); \
	  $(SBOM_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r .ci/requirements-sbom.txt; \
	  touch $(SBOM_VENV)/complete; \
	fi
	[ -e Package.resolved ] || swift package resolve
	$(SBOM_VENV)/bin/python .ci/sbom.py . $(SBOM)

# The digests that the base images have today, written into the Containerfile. Wants skopeo, crane or docker, and a network.
base-digests:
	@digest() { \
	  if command -v skopeo >/dev/null; then skopeo inspect --no-tags --raw "docker://$$1" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'; \
	  elif command -v crane >/dev/null; then crane digest "$$1"; \
	  elif docker buildx version >/dev/null 2>&1; then docker buildx imagetools inspect "$$1" --format '{{.Manifest.Digest}}'; \
	  else echo "install skopeo (apt-get install skopeo), crane, or docker with buildx" >&2; return 1; fi; \
	}; \
	swift="$$(sed -n 's/^ARG SWIFT=//p' $(CONTAINERFILE))"; \
	for pair in SWIFT_DIGEST=docker.io/library/swift:$$swift-bookworm DEBIAN_DIGEST=docker.io/library/debian:bookworm-slim; do \
	  found="$$(digest "$${pair#*=}")"; \
	  [[ "$$found" =~ ^sha256:[0-9a-f]{64}$$ ]] || { echo "no digest of $${pair#*=}: '$$found'"; exit 1; }; \
	  sed -i "s|^ARG $${pair%%=*}=.*|ARG $${pair%%=*}=$$found|" $(CONTAINERFILE); \
	  echo "$${pair#*=} $$found"; \
	done

clean:
	rm -rf .build
