noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/bytes.h %D%/bytes.c %D%/buf.h %D%/buf.c %D%/arena.h %D%/arena.c %D%/status.h %D%/status.c \
	%D%/panic.h %D%/panic.c %D%/log.h %D%/log.c %D%/clock.h %D%/clock.c %D%/crc32c.h %D%/crc32c.c \
	%D%/crc64.h %D%/crc64.c %D%/lzf.h %D%/lzf.c \
	%D%/siphash.h %D%/siphash.c %D%/prng.h %D%/prng.c %D%/queue.h %D%/heap.h %D%/heap.c \
	%D%/dict.h %D%/dict.c %D%/mailbox.h %D%/mailbox.c %D%/encode.h %D%/real.h %D%/real.c %D%/sha1.h %D%/sha1.c \
	%D%/sha256.h %D%/sha256.c %D%/base64.h %D%/base64.c %D%/histogram.h %D%/histogram.c


BASE_TESTS = tests/unit/test_base tests/unit/test_base_mailbox tests/unit/test_base_log \
	tests/unit/test_base_real
check_PROGRAMS += $(BASE_TESTS)

tests_unit_test_base_SOURCES = tests/unit/test_base.c tests/unit/test.h
tests_unit_test_base_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_LDADD = libbase.a $(CMOCKA_LIBS)

tests_unit_test_base_mailbox_SOURCES = tests/unit/test_base_mailbox.c
tests_unit_test_base_mailbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_mailbox_LDADD = libbase.a $(CMOCKA_LIBS)

tests_unit_test_base_log_SOURCES = tests/unit/test_base_log.c
tests_unit_test_base_log_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_log_LDADD = libbase.a $(CMOCKA_LIBS)

tests_unit_test_base_real_SOURCES = tests/unit/test_base_real.c
tests_unit_test_base_real_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_base_real_LDADD = libbase.a $(CMOCKA_LIBS)
