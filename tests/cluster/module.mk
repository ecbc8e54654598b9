EXTRA_DIST += tests/cluster/run $(wildcard $(srcdir)/tests/cluster/*.py) $(srcdir)/tests/cluster/README.md

# A bad disk for a node, preloaded into it; never built with sanitizers.
SHIM_DISK_CFLAGS = -std=gnu11 -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Werror
tests/cluster/shim_disk.so: $(srcdir)/tests/cluster/shim_disk.c
	$(AM_V_CC)$(MKDIR_P) tests/cluster && $(CC) $(SHIM_DISK_CFLAGS) $(CFLAGS) -fPIC -shared -o $@ $(srcdir)/tests/cluster/shim_disk.c -ldl -pthread
check_DATA = tests/cluster/shim_disk.so
CLEANFILES += tests/cluster/shim_disk.so
EXTRA_DIST += tests/cluster/shim_disk.c

# Real processes under faults: root for the scenarios that cut links and fill a disk.
check-cluster: avow-server avow-check tests/sim/linear tests/cluster/shim_disk.so
	python3 $(srcdir)/tests/cluster/run
.PHONY: check-cluster
