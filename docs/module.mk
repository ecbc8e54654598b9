dist_man1_MANS = %D%/man/avow-server.1 %D%/man/avow-check.1
nodist_man5_MANS = %D%/man/avow.conf.5
CLEANFILES += $(nodist_man5_MANS)
EXTRA_DIST += utils/conf-page
%D%/man/avow.conf.5: $(srcdir)/%D%/CONFIG.md $(srcdir)/utils/conf-page
	$(AM_V_GEN)$(MKDIR_P) %D%/man && $(AWK) -f $(srcdir)/utils/conf-page $(srcdir)/%D%/CONFIG.md >$@.new && mv $@.new $@
dist_check_SCRIPTS += utils/check-pages

dist_doc_DATA = README.md %D%/ARCHITECTURE.md %D%/COMPATIBILITY.md %D%/CONFIG.md %D%/HAZARDS.md %D%/HTTP.md %D%/dashboard.png %D%/OPERATIONS.md \
	%D%/PEER-CHANNEL.md %D%/PERFORMANCE.md %D%/UPGRADE.md
