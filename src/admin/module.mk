noinst_LIBRARIES += libadmin.a
libadmin_a_SOURCES = %D%/info.h %D%/info.c %D%/doctor.h %D%/doctor.c \
	%D%/metrics.h %D%/metrics.c %D%/json.h %D%/json.c \
	%D%/http.h %D%/http_internal.h %D%/http.c %D%/http_call.c %D%/http_ready.c %D%/http_api.c %D%/http_command.c %D%/http_events.c %D%/http_chaos.h %D%/http_chaos.c %D%/http_keeper.c %D%/http_guard.h %D%/http_guard.c \
	%D%/http_file.c %D%/http_visit.c %D%/http_node.c
libadmin_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JSON_CFLAGS)
libadmin_a_CPPFLAGS = $(AM_CPPFLAGS) -DDASHBOARD_DIR='"$(pkgdatadir)/dashboard"'

check_PROGRAMS += tests/unit/test_http_guard
tests_unit_test_http_guard_SOURCES = tests/unit/test_http_guard.c
tests_unit_test_http_guard_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_http_guard_LDADD = libadmin.a libbase.a $(CMOCKA_LIBS)
