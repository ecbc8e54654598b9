# The page, as utils/build-dashboard.sh builds it: installed and in the tarball if it is there. Nothing here calls npm.
DASHBOARD_FILES = README.md index.html package.json package-lock.json tsconfig.json vite.config.ts public src test
dashboarddir = $(pkgdatadir)/dashboard

install-data-local:
	@if test -f $(srcdir)/dashboard/dist/index.html; then \
	  $(MKDIR_P) '$(DESTDIR)$(dashboarddir)' && \
	  cp -R $(srcdir)/dashboard/dist/. '$(DESTDIR)$(dashboarddir)' && \
	  find '$(DESTDIR)$(dashboarddir)' -type d -exec chmod 755 {} + && \
	  find '$(DESTDIR)$(dashboarddir)' -type f -exec chmod 644 {} +; \
	else echo 'the dashboard is not built (utils/build-dashboard.sh): not installed'; fi

uninstall-local:
	rm -rf '$(DESTDIR)$(dashboarddir)'

dist-hook:
	$(MKDIR_P) '$(distdir)/dashboard'
	cd $(srcdir)/dashboard && cp -R $(DASHBOARD_FILES) '$(abs_builddir)/$(distdir)/dashboard'
	@if test -f $(srcdir)/dashboard/dist/index.html; then cp -R $(srcdir)/dashboard/dist '$(distdir)/dashboard'; \
	else echo 'the dashboard is not built (utils/build-dashboard.sh): the tarball has its sources only'; fi
EXTRA_DIST += utils/build-dashboard.sh
