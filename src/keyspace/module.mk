noinst_LIBRARIES += libkeyspace.a
libkeyspace_a_SOURCES = \
	%D%/access.h %D%/access.c %D%/table.h %D%/table.c %D%/sorted.h %D%/sorted.c \
	%D%/cache.h %D%/cache_row.h %D%/cache_rows.h %D%/cache.c %D%/cache_cut.c %D%/cache_cursor.c %D%/cache_image.c \
	%D%/keyspace.h %D%/keyspace_state.h %D%/keyspace.c %D%/walk.c %D%/slot.c \
	%D%/meta.h %D%/meta.c %D%/object.h %D%/object.c %D%/object_string.c %D%/object_rows.h %D%/object_map.c \
	%D%/object_packed.c %D%/object_rows.c %D%/object_deadline.c \
	%D%/object_fences.c \
	%D%/verify.h %D%/verify_rows.h %D%/verify.c %D%/verify_object.c %D%/verify_fences.c \
	%D%/expire.h %D%/expire.c %D%/graveyard.h %D%/graveyard.c

KEYSPACE_TESTS = tests/unit/test_access tests/unit/test_table tests/unit/test_cache tests/unit/test_keyspace tests/unit/test_object tests/unit/test_fences \
	tests/fuzz/fuzz_object
check_PROGRAMS += $(KEYSPACE_TESTS)
KEYSPACE_LIBS = libkeyspace.a libkv.a libbase.a $(ROCKSDB_LIBS) $(CMOCKA_LIBS)

tests_unit_test_access_SOURCES = tests/unit/test_access.c tests/unit/test.h
tests_unit_test_access_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_access_LDADD = $(KEYSPACE_LIBS)

tests_unit_test_table_SOURCES = tests/unit/test_table.c tests/unit/test.h
tests_unit_test_table_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_table_LDADD = $(KEYSPACE_LIBS)

tests_unit_test_cache_SOURCES = tests/unit/test_cache.c tests/unit/test.h
tests_unit_test_cache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_cache_LDADD = $(KEYSPACE_LIBS) -lpthread

tests_unit_test_keyspace_SOURCES = tests/unit/test_keyspace.c tests/unit/test.h \
	tests/unit/keyspace_world.h
tests_unit_test_keyspace_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_keyspace_LDADD = $(KEYSPACE_LIBS)

tests_unit_test_object_SOURCES = tests/unit/test_object.c tests/unit/test.h \
	tests/unit/keyspace_world.h
tests_unit_test_object_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_object_LDADD = $(KEYSPACE_LIBS)

tests_unit_test_fences_SOURCES = tests/unit/test_fences.c tests/unit/test.h \
	tests/unit/keyspace_world.h
tests_unit_test_fences_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_fences_LDADD = $(KEYSPACE_LIBS)

tests_fuzz_fuzz_object_SOURCES = tests/fuzz/fuzz_object.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c
tests_fuzz_fuzz_object_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz
tests_fuzz_fuzz_object_LDADD = $(KEYSPACE_LIBS)
EXTRA_DIST += tests/fuzz/corpus/object

EXTRA_PROGRAMS += utils/bench/cache_bench utils/bench/fence_bench
utils_bench_cache_bench_SOURCES = utils/bench/cache_bench.c
utils_bench_cache_bench_LDADD = $(KEYSPACE_LIBS)
utils_bench_fence_bench_SOURCES = utils/bench/fence_bench.c
utils_bench_fence_bench_LDADD = $(KEYSPACE_LIBS)
