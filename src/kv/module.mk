EXTRA_DIST += %D%/README.md
noinst_LIBRARIES += libkv.a
libkv_a_CFLAGS = $(AM_CFLAGS) $(ROCKSDB_CFLAGS)
libkv_a_SOURCES = \
	%D%/disk.h %D%/disk.c %D%/kv.h %D%/kv.c %D%/kv_backend.h \
	%D%/disk_real.c %D%/kv_rocks.c %D%/wal_fill.h %D%/wal_fill.c \
	%D%/tree.h %D%/tree.c %D%/kv_mem.h %D%/kv_mem_internal.h %D%/kv_mem.c %D%/kv_mem_disk.c \
	%D%/log_format.h %D%/log_format.c %D%/log_store.h %D%/log_store_internal.h \
	%D%/log_store.c %D%/log_recover.c \
	%D%/state_store.h %D%/state_store.c \
	%D%/segment.h %D%/segment.c %D%/backup_set.h %D%/backup_set.c %D%/backup_write.c

KV_TESTS = tests/unit/test_kv tests/unit/test_kv_rocks tests/unit/test_log_store \
	tests/unit/test_state_store tests/unit/test_backup
KV_TEST_LIBS = libkv.a libbase.a $(ROCKSDB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += $(KV_TESTS)

tests_unit_test_log_store_SOURCES = tests/unit/test_log_store.c tests/unit/kv_place.h
tests_unit_test_log_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_store_LDADD = $(KV_TEST_LIBS)

tests_unit_test_kv_SOURCES = tests/unit/test_kv.c tests/unit/kv_place.h
tests_unit_test_kv_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_kv_LDADD = $(KV_TEST_LIBS)

tests_unit_test_state_store_SOURCES = tests/unit/test_state_store.c tests/unit/kv_place.h
tests_unit_test_state_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_state_store_LDADD = $(KV_TEST_LIBS)

tests_unit_test_backup_SOURCES = tests/unit/test_backup.c tests/unit/kv_place.h
tests_unit_test_backup_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_backup_LDADD = $(KV_TEST_LIBS)

tests_unit_test_kv_rocks_SOURCES = tests/unit/test_kv_rocks.c tests/unit/kv_place.h
tests_unit_test_kv_rocks_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_kv_rocks_LDADD = $(KV_TEST_LIBS)

# Not part of "make all" or "make check": make utils/bench/log_bench utils/bench/load
EXTRA_PROGRAMS = utils/bench/log_bench utils/bench/load
utils_bench_load_SOURCES = utils/bench/load.c
utils_bench_load_LDADD = libbase.a -lm
utils_bench_log_bench_SOURCES = utils/bench/log_bench.c
utils_bench_log_bench_LDADD = libkv.a libbase.a $(ROCKSDB_LIBS)
