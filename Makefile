# Two commands do everything: `make book` and `make test`. README.md says how long each takes.

PYTHON ?= python3
BIN ?= .venv/bin
# Linux without a GPU: `make book TORCH_INDEX=https://download.pytorch.org/whl/cpu` takes the small build of torch, and
# torchvision's that is compiled for it.
TORCH_INDEX ?=
PIP = $(BIN)/python -m pip install --disable-pip-version-check
NPM = $(shell command -v npm || echo $(BIN)/npm)

.PHONY: help book test site setup own-environment check browser serve lab bench lock clean
.DELETE_ON_ERROR:

help:
	@echo 'make book    set up, run every page, write the site'
	@echo 'make test    set up, make the book, then check everything'
	@echo 'make serve   show the site on this machine'
	@echo 'make lab     open the pages as notebooks in JupyterLab'
	@echo 'make bench   time the package beside its peers'
	@echo 'make lock    renew the pinned versions in requirements.txt'
	@echo 'make clean   forget environment, builds and results of runs'

book: setup site
	@echo 'The book: file://$(CURDIR)/_build/html/index.html'

# Doctrees of an earlier build are not trusted: they would hide its warnings. What pages printed is kept by its own rule.
# Where a build fails early, the theme copies its logo to _static all the same: without the folder, to a file of that name,
# which the next build would stumble over.
site:
	@rm -rf _build/.doctrees
	@mkdir -p _build/html/_static
	@$(BIN)/python book/_ext/build.py build book --config _config.yml --toc "$(CURDIR)/_toc.yml" --path-output . --quiet -W -n --keep-going

test: setup browser check site
	@$(BIN)/python -m pytest --numprocesses auto --dist loadfile

check:
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy

setup: own-environment .venv/installed book/_static/vendor/fetched

# Copied or moved with its folder, an environment still leads to the folder that it was made in, and runs the code there.
own-environment:
	@test ! -s .venv/installed || test "$$(cat .venv/installed)" = "$$(pwd -P)" \
		|| { echo "This .venv belongs to $$(cat .venv/installed): make clean, then again"; exit 1; }

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"Python 3.11 or newer is needed, {v[0]}.{v[1]} found: make PYTHON=...")'
	@test -x .venv/bin/pip || $(PYTHON) -m venv .venv || { rm -rf .venv; echo 'Could not make .venv. On Debian: apt install python3-venv'; exit 1; }
	@echo 'Installing torch, then the other pinned packages, into .venv (a few minutes)'
	@$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $$(grep -E '^torch(vision)?==' requirements.txt) \
		|| { echo 'Could not fetch torch. Is the network there?'; exit 1; }
	@$(PIP) -r requirements.txt || { echo 'Could not fetch the packages of requirements.txt. Is the network there?'; exit 1; }
	@$(PIP) --quiet --no-deps --no-build-isolation --editable . || { echo 'Could not install this package into .venv'; exit 1; }
	@$(BIN)/python -W ignore -c 'import torchvision' 2>/dev/null || echo "Careful: this torchvision is compiled for another build of torch," \
		"so \`import torchvision\` fails. The book does not need it, and its tests do without. A pair: make clean, then" \
		"make TORCH_INDEX=https://download.pytorch.org/whl/cpu setup, or without TORCH_INDEX for CUDA"
	@pwd -P > $@

# Everything that a page loads in a browser comes with the site.
book/_static/vendor/fetched: package.json package-lock.json .venv/installed
	@echo 'Fetching the front-end packages: Mermaid, MathJax, axe'
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(NPM) ci --ignore-scripts --no-audit --no-fund --loglevel=error \
		|| { echo 'Could not fetch the npm packages of package-lock.json. Is the network there?'; exit 1; }
	@rm -rf book/_static/vendor && mkdir -p book/_static/vendor/mermaid book/_static/vendor/mathjax/output/chtml
	@cp node_modules/mermaid/dist/mermaid.min.js book/_static/vendor/mermaid/
	@cp node_modules/mathjax/es5/tex-mml-chtml.js book/_static/vendor/mathjax/
	@cp -r node_modules/mathjax/es5/output/chtml/fonts book/_static/vendor/mathjax/output/chtml/
	@touch $@

browser: setup
	@$(BIN)/python tests/shared/browser.py

serve: book
	@echo 'http://127.0.0.1:8000 (Ctrl+C stops)'
	@$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

# Pages are Markdown; JupyterLab is told to open them as notebooks, in this environment only.
lab: setup
	@JUPYTER_CONFIG_DIR=.venv/etc/jupyter $(BIN)/jupytext-config set-default-viewer markdown
	@$(BIN)/jupyter lab --notebook-dir book

bench: setup
	@for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

# pip-compile sees a local build's version ("2.13.0+cpu"), but the pin must fit every build; and the package itself.
lock: .venv/installed
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras --allow-unsafe --no-annotate --no-header --no-emit-index-url --no-emit-find-links \
		--extra book --extra dev --output-file requirements.txt pyproject.toml
	@sed -i -e 's/^\(torch\(vision\)\?==[0-9.]*\)+.*/\1/' -e '/^residual @ /d' requirements.txt

clean:
	rm -rf .venv _build node_modules book/_static/vendor src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
