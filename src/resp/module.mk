noinst_LIBRARIES += libresp.a
libresp_a_SOURCES = \
	%D%/resp_read.h %D%/resp_read.c %D%/resp_write.h %D%/resp_write.c \
	%D%/resp_skip.h %D%/resp_skip.c

RESP_TESTS = tests/unit/test_resp_read tests/unit/test_resp_write tests/fuzz/fuzz_resp
check_PROGRAMS += $(RESP_TESTS)

tests_unit_test_resp_read_SOURCES = tests/unit/test_resp_read.c
tests_unit_test_resp_read_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_resp_read_LDADD = libresp.a libbase.a $(CMOCKA_LIBS)

tests_unit_test_resp_write_SOURCES = tests/unit/test_resp_write.c
tests_unit_test_resp_write_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_resp_write_LDADD = libresp.a libbase.a $(CMOCKA_LIBS) -lm

tests_fuzz_fuzz_resp_SOURCES = tests/fuzz/fuzz_resp.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c
tests_fuzz_fuzz_resp_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz
tests_fuzz_fuzz_resp_LDADD = libresp.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/resp
