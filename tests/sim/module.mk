check_LIBRARIES += libsim.a
libsim_a_SOURCES = %D%/linear.h %D%/linear.c
libsim_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

check_PROGRAMS += tests/unit/test_linear
tests_unit_test_linear_SOURCES = tests/unit/test_linear.c
tests_unit_test_linear_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_linear_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_linear_LDADD = libsim.a libbase.a $(CMOCKA_LIBS)

noinst_PROGRAMS += tests/sim/linear
tests_sim_linear_SOURCES = %D%/linear_main.c
tests_sim_linear_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_sim_linear_LDADD = libsim.a libbase.a
