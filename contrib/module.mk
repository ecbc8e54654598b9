# What those need who run it: service, packages, containers.
exampledir = $(docdir)/examples
dist_example_DATA = %D%/avow.conf
monitoringdir = $(exampledir)/monitoring
dist_monitoring_DATA = %D%/monitoring/prometheus.yml %D%/monitoring/avow-alerts.yml \
	%D%/monitoring/avow-grafana.json
EXTRA_DIST += %D%/monitoring/avow-alerts-test.yml
kubernetesdir = $(exampledir)/kubernetes
dist_kubernetes_DATA = %D%/kubernetes/avow.yaml
EXTRA_DIST += Dockerfile .dockerignore compose.yaml %D%/avow-container

# Only where it is asked for: a default of make install must not leave the prefix.
if HAVE_SYSTEMD
systemdsystemunit_DATA = %D%/avow-server.service
endif
noinst_DATA = %D%/avow-server.service
CLEANFILES += %D%/avow-server.service
EXTRA_DIST += %D%/avow-server.service.in
%D%/avow-server.service: $(srcdir)/%D%/avow-server.service.in
	$(AM_V_GEN)$(MKDIR_P) %D% && sed -e 's|@bindir[@]|$(bindir)|' -e 's|@sysconfdir[@]|$(sysconfdir)|' \
	    $(srcdir)/%D%/avow-server.service.in >$@.new && mv $@.new $@

# The Debian package, in deb/ of the build directory.
EXTRA_DIST += debian/changelog debian/control debian/postinst debian/postrm debian/rules debian/source/format
deb:
	rm -rf deb && $(MKDIR_P) deb
	$(MAKE) $(AM_MAKEFLAGS) distdir distdir=deb/$(PACKAGE)-$(VERSION)
	test "`cd deb/$(PACKAGE)-$(VERSION) && dpkg-parsechangelog -S Version`" = "$(VERSION)"
	cd deb/$(PACKAGE)-$(VERSION) && DEB_BUILD_OPTIONS="nocheck parallel=$$(nproc)" dpkg-buildpackage -us -uc -b
.PHONY: deb
