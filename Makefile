# Two commands: `make demo` sets everything up and chats, `make test` sets everything up and passes.
PYTHON ?= python3.11
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
# The demo keeps all it makes inside this folder; `rm -rf .showtell` starts it over.
export SHOWTELL_DATA_DIR ?= $(CURDIR)/.showtell
# Which torch: see scripts/setup.py.
export TORCH_INDEX TORCH_BUILD

.PHONY: help demo check-demo check-api test lint format setup setup-dev widget lock test-store test-rasa bench-flickr8k bench-hybrid bench-conversation bench-search bench-store bench-honesty bench-scaling bench-index bench-start bench-turn bench-widget bench-reload bench-overload bench-peers bench-intents bench-languages bench-talks bench-train bench-architectures bench-words bench-models bench-rerank architecture way clean

help: ## show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## set up, train and index the demo gallery (once), serve it
	@$(BIN)/showtell demo --port $(PORT)

test: $(VENV)/.dev ## set up and run every test (add ARGS="-k widget" to choose)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.dev ## formatter, linter, type checker, and the project's own checks
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python scripts/check_docs.py
	@$(BIN)/python scripts/build_widget.py --check
	@$(BIN)/hadolint docker/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker/compose.yaml
	@$(BIN)/python scripts/check_docker.py

format: $(VENV)/.dev ## format the code and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

widget: $(VENV)/.dev ## check and bundle bot/widget/src into the file that is served
	@$(BIN)/python scripts/build_widget.py

architecture: $(BIN)/python ## draw the rooms of the code anew into docs/architecture.md
	@$(BIN)/python scripts/draw_rooms.py

way: $(VENV)/.dev ## draw the way of one message anew into docs/architecture.md (BUNDLES=DIR)
	@$(BIN)/python scripts/draw_way.py $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles)

setup: $(VENV)/.runtime ## install what running needs into .venv

setup-dev: $(VENV)/.dev ## install what tests and linters need too

lock: ## resolve pyproject.toml anew into requirements.lock and requirements-dev.lock
	$(PYTHON) scripts/lock.py

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "Showtell needs $(PYTHON) with venv; name another by: make demo PYTHON=python3.12"; exit 1; }

$(VENV)/.runtime: requirements.lock pyproject.toml scripts/setup.py | $(BIN)/python
	@$(BIN)/python scripts/setup.py
	@touch $@

$(VENV)/.dev: requirements.lock requirements-dev.lock pyproject.toml scripts/setup.py | $(BIN)/python
	@$(BIN)/python scripts/setup.py --dev
	@touch $@ $(VENV)/.runtime

check-demo: ## the first journey: `make demo` in a fresh clone, twice, with the seconds it took
	@$(PYTHON) scripts/check_demo.py $(ARGS)

test-store: $(VENV)/.dev ## both stores by the shared suite, over a PostgreSQL of its own, and several servers (minutes)
	@$(BIN)/python -m pytest tests/retrieval/store/test_stores.py tests/retrieval/postgres tests/e2e/test_postgres.py tests/e2e/test_replica.py tests/e2e/test_many_servers.py -m "" $(ARGS)

test-rasa: $(VENV)/.dev ## play the scripted conversations through a real Rasa 3.6 server (2.7 GB, minutes)
	@$(BIN)/python scripts/test_rasa

check-api: $(VENV)/.dev ## every check of schemathesis against a server of the demo (minutes; BUNDLES=DIR, ARGS="--examples 100")
	@$(BIN)/python scripts/check_api.py $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles) --data-dir $(SHOWTELL_DATA_DIR)/bench-server $(ARGS)

bench-flickr8k: $(VENV)/.runtime ## train on Flickr8k with default settings and print the dev table
	@$(BIN)/showtell train --data flickr8k:$(or $(FLICKR8K),../shared/flickr8k) --out runs/f8k

bench-hybrid: $(VENV)/.runtime ## what captions add to vision, on a trained run
	@$(BIN)/python benchmarks/hybrid.py runs/f8k $(or $(FLICKR8K),../shared/flickr8k)

bench-conversation: $(VENV)/.runtime ## simulated users on Flickr8k: do a few turns find the picture?
	@$(BIN)/python -m benchmarks.conversation $(or $(MODEL),runs/f8k) $(or $(FLICKR8K),../shared/flickr8k) --features $(SHOWTELL_DATA_DIR)/cache --cache $(SHOWTELL_DATA_DIR)/bench

bench-search: $(VENV)/.runtime ## a whole search in a large gallery, beside FAISS alone and four peers (ARGS="--size 1000000")
	@$(BIN)/python benchmarks/search_speed.py $(ARGS)

bench-store: $(VENV)/.dev ## the embedded store against PostgreSQL: turns, recall, build, size (ARGS="--size 1000000 --url postgresql://…")
	@$(BIN)/python benchmarks/stores.py $(ARGS)

bench-honesty: $(VENV)/.runtime ## how often a search says that nothing fits (BUNDLES= over Flickr8k's dev pictures)
	@$(BIN)/python benchmarks/honesty.py $(BUNDLES) $(ARGS)

bench-scaling: $(VENV)/.runtime ## what a search costs in 7,000 and in 100,000 pictures
	@$(BIN)/python benchmarks/scaling.py

bench-index: $(VENV)/.runtime ## indexing against the bare image tower in ONNX Runtime, and against torch
	@$(BIN)/python benchmarks/index_speed.py $(or $(FLICKR8K),../shared/flickr8k) $(ARGS)

bench-architectures: $(VENV)/.dev ## CLIP's and SigLIP's architectures at full size, weights at random, through the whole chain (minutes; ARGS=clip)
	@$(BIN)/python -m benchmarks.architectures $(ARGS)

bench-start: $(VENV)/.runtime ## seconds and memory until the demo gallery answers
	@$(BIN)/python benchmarks/start.py --data $(SHOWTELL_DATA_DIR) $(ARGS)

bench-turn: $(VENV)/.dev ## what a turn costs over HTTP, beside the least that it could cost (BUNDLES=DIR; the demo's by default)
	@$(BIN)/python benchmarks/turn.py $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles) --data-dir $(SHOWTELL_DATA_DIR)/bench-server

bench-widget: $(VENV)/.dev ## from Enter to the first picture, by a browser's own clock (BUNDLES="DIR…"; the demo's by default)
	@$(BIN)/python -m benchmarks.widget $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles) --data-dir $(SHOWTELL_DATA_DIR)/bench-server $(ARGS)

bench-reload: $(VENV)/.dev ## 20 reloads under 32 clients: failed, mixed, slower, memory (IMAGES=DIR MODEL=DIR; the demo's by default; ARGS="--workers 2")
	@$(BIN)/python benchmarks/reload.py $(or $(IMAGES),$(SHOWTELL_DATA_DIR)/demo/images) $(or $(MODEL),$(SHOWTELL_DATA_DIR)/demo/run/model) --data-dir $(SHOWTELL_DATA_DIR)/bench-server $(ARGS)

bench-overload: $(VENV)/.dev ## 1 to 3,000 senders at once: answers, refusals, readiness, memory (BUNDLES=DIR; the demo's by default)
	@$(BIN)/python benchmarks/overload.py $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles) --data-dir $(SHOWTELL_DATA_DIR)/bench-server

bench-peers: $(VENV)/.dev ## texts, pictures and actions beside sentence-transformers, rclip and rasa-sdk (BUNDLES=DIR; the demo's by default)
	@$(BIN)/python -m benchmarks.peers $(or $(BUNDLES),$(SHOWTELL_DATA_DIR)/demo/bundles) $(or $(FLICKR8K),../shared/flickr8k) --data-dir $(SHOWTELL_DATA_DIR)/bench-server $(ARGS)

bench-intents: $(VENV)/.runtime ## how often intents are understood, and docs/confusion.svg
	@$(BIN)/python benchmarks/intents.py --svg docs/confusion.svg

bench-languages: $(VENV)/.dev ## how well German and others find pictures, beside English (BUNDLES= over Flickr8k's dev pictures)
	@$(BIN)/python -m benchmarks.languages $(BUNDLES) $(or $(FLICKR8K),../shared/flickr8k)

bench-talks: $(VENV)/.runtime ## scripted talks over the Flickr8k dev images: is the search what was said? (minutes; BUNDLES=… once indexed)
	@$(BIN)/python -m benchmarks.talks.play --cache $(SHOWTELL_DATA_DIR)/talks $(if $(BUNDLES),--bundles $(BUNDLES)) $(ARGS)

bench-words: $(VENV)/.runtime ## do the models that ship see the one word in which two captions differ?
	@$(BIN)/python benchmarks/one_word.py $(or $(MODELS),photos photos-light) --data flickr8k:$(or $(FLICKR8K),../shared/flickr8k) --cache $(SHOWTELL_DATA_DIR)/cache

bench-models: $(VENV)/.runtime ## what the models that ship cost: pictures, requests, memory, room (MODELS="photos runs/mine")
	@$(BIN)/python benchmarks/model_cost.py $(or $(MODELS),photos photos-light) --pictures $(or $(FLICKR8K),../shared/flickr8k)

bench-rerank: $(VENV)/.runtime ## what a second stage adds to the recall of `photos`; trained first, a quarter of an hour
	@$(BIN)/python -m benchmarks.rerank $(or $(MODEL),photos) --data flickr8k:$(or $(FLICKR8K),../shared/flickr8k) --out $(SHOWTELL_DATA_DIR)/reranker $(ARGS)

bench-train: $(VENV)/.runtime ## our training loop against the plain one of the original recipe (ARGS=--to-recall: minutes)
	@$(BIN)/python benchmarks/train_speed.py $(or $(FLICKR8K),../shared/flickr8k) --cache $(SHOWTELL_DATA_DIR)/cache $(ARGS)

clean: ## remove the environment and all that the demo made
	rm -rf $(VENV) .showtell tests/output
