EXTRA_DIST += %D%/README.md %D%/ship.py %D%/check-deb

# Root, debootstrap, and Debian's mirror the first time. What they make lies in ship/ of the build directory.
check-deb: deb
	python3 $(srcdir)/%D%/check-deb
.PHONY: check-deb
