EXTRA_DIST += tests/clients/run $(wildcard $(srcdir)/tests/clients/*.js $(srcdir)/tests/clients/*.py \
	$(srcdir)/tests/clients/*.json $(srcdir)/tests/clients/README.md)

# Client libraries, unmodified, against three nodes; npm fetches two of them into this directory.
check-clients: avow-server
	python3 $(srcdir)/tests/clients/run
.PHONY: check-clients
