# Every target does its own set-up, below build/. `make` alone says what there is.

SHELL = /bin/sh
comma = ,
VENV = build/venv
NEWEST = build/venv-newest
COMPATIBILITY = build/venv-compatibility
BENCH = build/venv-bench
PYTHON = $(VENV)/bin/python
BROWSER = chromium chromium-driver
DATABASE = postgresql mariadb-server
SETUP = setup.cfg setup.py pyproject.toml modules/s3sync/__init__.py scripts/make-venv scripts/find-python

help:
	@echo 'make demo       two web2py sites synchronise before your eyes; Ctrl-C ends it'
	@echo 'make demo-once  the same, ends by itself; exit 0 if both sites hold the same data'
	@echo 'make test       all tests'
	@echo 'make test-databases  what must hold on every database, on PostgreSQL and MariaDB too; DATABASES=postgres,mysql'
	@echo 'make bench      how fast it is, against the least one could do: SIZES=1000,10000 MILLION=1 DATABASES=sqlite,postgres'
	@echo '                TABLES=plain,locations,organisations REPEATS=3 (twice as many of up to 10,000 records);'
	@echo '                ADD=1 keeps earlier results of other sizes and tables'
	@echo 'make bench-docs the last results into docs/benchmarks.md'
	@echo 'make bench-workers  one, two and four workers on one PostgreSQL: RECORDS=10000 (in each of four tables) REPEATS=3'
	@echo 'make torture    random schedules with everything that can go wrong (SCHEDULES=2000, FIRST=1, JOBS=processes; SEED=n for one)'
	@echo 'make machine    the same sites and faults, chosen by hypothesis, which shrinks what fails (EXAMPLES=1000)'
	@echo 'make fuzz       documents made to harm, read and imported: no crash, no hang, no growth (EXAMPLES=20000 of each kind)'
	@echo 'make lint       ruff and mypy'
	@echo 'make test-gluon-scheduler WEB2PY_SOURCE=<tree>'
	@echo '                web2py'\''s own tests of its scheduler against ours'
	@echo 'make clean      remove everything that was built'

demo: $(VENV)/.done
	@exec $(PYTHON) examples/demo

demo-once: $(VENV)/.done
	@exec $(PYTHON) examples/demo --once

test: $(VENV)/.done $(NEWEST)/.done
	@scripts/need-packages $(BROWSER) $(DATABASE)
	@$(PYTHON) scripts/run-tests $(NEWEST)/bin/python $(PYTEST)

# the suite of the engine and the guarantees with all sites on another database, then real processes killed more often
test-databases: $(VENV)/.done
	@scripts/need-packages $(DATABASE)
	@$(PYTHON) scripts/run-on-databases $(or $(subst $(comma), ,$(DATABASES)),postgres mysql)

bench: $(BENCH)/.done
	@case "$(or $(DATABASES),postgres)" in *postgres*) scripts/need-packages postgresql;; esac
	@exec $(BENCH)/bin/python benchmarks $(if $(SIZES),--sizes $(SIZES)) $(if $(MILLION),--million) \
		$(if $(DATABASES),--databases $(DATABASES)) $(if $(TABLES),--tables $(TABLES)) $(if $(REPEATS),--repeats $(REPEATS)) \
		$(if $(ADD),--add)

# one, two and four workers on one PostgreSQL
bench-workers: $(BENCH)/.done
	@scripts/need-packages postgresql
	@exec $(BENCH)/bin/python benchmarks/workers.py $(if $(RECORDS),--records $(RECORDS)) $(if $(REPEATS),--repeats $(REPEATS))

bench-docs: $(BENCH)/.done
	@test ! -f build/bench/results.json || $(BENCH)/bin/python benchmarks --docs
	@test ! -f build/bench/workers.json || $(BENCH)/bin/python benchmarks/workers.py --docs

test-gluon-scheduler: $(COMPATIBILITY)/.done
	@scripts/test-gluon-scheduler $(COMPATIBILITY)/bin/python "$(WEB2PY_SOURCE)"

SCHEDULES = 2000

torture: $(VENV)/.done
	@$(PYTHON) tests/torture $(if $(SEED),--seed $(SEED),$(SCHEDULES) $(if $(FIRST),--first $(FIRST)) $(if $(JOBS),--jobs $(JOBS)))

machine: EXAMPLES = 1000
machine: $(VENV)/.done
	@S3SYNC_MACHINE_EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest $(PYTEST) tests/torture/test_machine.py

EXAMPLES = 20000

fuzz: $(VENV)/.done
	@echo "Hunting with $(EXAMPLES) examples of each kind; the tests of every day take 300. A find is kept in .hypothesis and tried first."
	@FUZZ_EXAMPLES=$(EXAMPLES) $(PYTHON) -m pytest $(PYTEST) -k fuzz -o faulthandler_timeout=3600 \
		tests/unit/s3xml/test_s3xml_hostile.py tests/unit/engine/test_import_fuzz.py

lint: $(VENV)/.done
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy --no-error-summary

$(BENCH)/.done: $(SETUP)
	@echo "Setting up $(BENCH)"
	@scripts/make-venv $(BENCH) "$$(scripts/find-python web2py)" web2py,postgres
	@touch $@

clean:
	@python3 examples/demo/sites.py stop build/demo/*/ build/bench/*/*/ 2>/dev/null || true
	@test ! -f build/bench/postgres-server/data/postmaster.pid || \
		kill -INT "$$(head -n 1 build/bench/postgres-server/data/postmaster.pid)" 2>/dev/null || true
	@rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis modules/*.egg-info
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

$(VENV)/.done: $(SETUP)
	@echo "Setting up $(VENV)"
	@scripts/make-venv $(VENV) "$$(scripts/find-python web2py)" web2py,demo,test,dev
	@touch $@

$(NEWEST)/.done: $(SETUP)
	@echo "Setting up $(NEWEST)"
	@scripts/make-venv $(NEWEST) "$$(scripts/find-python newest)" test
	@touch $@

$(COMPATIBILITY)/.done: $(SETUP)
	@echo "Setting up $(COMPATIBILITY)"
	@scripts/make-venv $(COMPATIBILITY) "$$(scripts/find-python newest)" web2py-source
	@touch $@

.PHONY: help demo demo-once test fuzz torture machine test-gluon-scheduler bench bench-workers bench-docs lint clean
