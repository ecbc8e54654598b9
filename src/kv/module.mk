noinst_LIBRARIES += libkv.a
libkv_a_SOURCES = \
	%D%/disk.h %D%/disk.c %D%/kv.h %D%/kv.c %D%/kv_backend.h \
	%D%/tree.h %D%/tree.c %D%/kv_mem.h %D%/kv_mem_internal.h %D%/kv_mem.c %D%/kv_mem_disk.c \
	%D%/log_format.h %D%/log_format.c %D%/log_store.h %D%/log_store_internal.h \
	%D%/log_store.c %D%/log_recover.c \
	%D%/state_store.h

KV_TESTS = tests/unit/test_log_store
check_PROGRAMS += $(KV_TESTS)

tests_unit_test_log_store_SOURCES = tests/unit/test_log_store.c
tests_unit_test_log_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_store_LDADD = libkv.a libbase.a $(CMOCKA_LIBS)
