EXTRA_DIST += tests/cluster/run $(wildcard $(srcdir)/tests/cluster/*.py) $(srcdir)/tests/cluster/README.md

# Real processes under faults: root for the scenarios that cut links and fill a disk.
check-cluster: avow-server avow-check tests/sim/linear
	python3 $(srcdir)/tests/cluster/run
.PHONY: check-cluster
