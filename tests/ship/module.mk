EXTRA_DIST += %D%/README.md %D%/ship.py %D%/check-deb %D%/check-compose %D%/check-monitoring

# Root, debootstrap, and Debian's mirror the first time. What they make lies in ship/ of the build directory.
check-deb: deb
	python3 $(srcdir)/%D%/check-deb
.PHONY: check-deb

# Prometheus beside three nodes, with contrib/monitoring.
check-monitoring: avow-server
	srcdir=$(abs_top_srcdir) python3 $(srcdir)/%D%/check-monitoring
.PHONY: check-monitoring

# Root, podman, and Debian's mirror: the image is built, three containers are started, killed, stopped, emptied.
check-compose:
	python3 $(srcdir)/%D%/check-compose
.PHONY: check-compose

dist_check_SCRIPTS += %D%/check-kubernetes
