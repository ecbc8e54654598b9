noinst_LIBRARIES += libcommand.a
libcommand_a_SOURCES = \
	%D%/command.h %D%/events.h %D%/host.h %D%/command.c %D%/table.h %D%/table.c %D%/args.h %D%/args.c %D%/reply.h \
	%D%/reply.c %D%/settings.h %D%/settings.c %D%/keyspec.h %D%/keyspec.c %D%/scan.h \
	%D%/scan.c %D%/elements.h %D%/elements.c %D%/distinct.h %D%/distinct.c %D%/glob.h %D%/glob.c \
	%D%/decimal.h %D%/decimal.c %D%/introspection.c %D%/string.h %D%/string.c %D%/counter.c \
	%D%/lcs.c %D%/generic.c %D%/expire.c %D%/transaction.c %D%/debug.c %D%/server.c \
	%D%/connection.c %D%/acl.c %D%/acl_user.h %D%/acl_rules.c \
	%D%/acl_describe.c %D%/acl_check.c %D%/acl_table.c %D%/bits.h %D%/bitmap.c %D%/bitfield.c %D%/cluster.c \
	%D%/raft.c %D%/geo.c %D%/hash.c %D%/hll.c %D%/list.h %D%/list.c \
	%D%/list_positions.c %D%/list_fences.c %D%/list_range.c \
	%D%/pubsub.c %D%/scripting.c %D%/set.c %D%/sort.c %D%/stream.c %D%/zset.h %D%/zset.c \
	%D%/zset_range.c %D%/zset_combine.c %D%/sources.h %D%/sources.c %D%/pop.h %D%/pop.c %D%/block.h %D%/block.c
libcommand_a_SOURCES += %D%/docs.h %D%/docs.c %D%/docs_table.c %D%/grammar.h %D%/grammar.c
libcommand_a_SOURCES += %D%/forms.h %D%/forms.c
libcommand_a_SOURCES += %D%/hll_image.h %D%/hll_image.c
libcommand_a_SOURCES += %D%/hash.h %D%/hash_expire.c
libcommand_a_SOURCES += %D%/geohash.h %D%/geohash.c
libcommand_a_SOURCES += %D%/stream.h %D%/stream_rows.c %D%/stream_group.h \
	%D%/stream_group_rows.c %D%/stream_group.c %D%/stream_info.c %D%/stream_pending.c \
	%D%/stream_read.h %D%/stream_read.c
libcommand_a_SOURCES += %D%/dump.c %D%/rdb.h %D%/rdb_read.c %D%/rdb_write.c %D%/rdb_blob.h \
	%D%/rdb_blob.c %D%/rdb_parts.h %D%/rdb_stream.h %D%/rdb_stream_read.c %D%/rdb_stream_write.c
EXTRA_DIST += %D%/README.md

COMMAND_LIBS = libcommand.a libresp.a libkeyspace.a libkv.a libbase.a $(ROCKSDB_LIBS)
COMMAND_WORLD = tests/unit/command_world.h tests/unit/command_world.c

# By hand, and for redis-tests/check.
noinst_PROGRAMS += tests/unit/command_shell
tests_unit_command_shell_SOURCES = tests/unit/command_shell.c $(COMMAND_WORLD)
tests_unit_command_shell_LDADD = $(COMMAND_LIBS)

dist_check_SCRIPTS += redis-tests/check
EXTRA_DIST += redis-tests/random-commands redis-tests/exchange-dumps redis-tests/random-acl \
	redis-tests/compare-docs

COMMAND_TESTS = tests/unit/test_command tests/unit/test_command_replies tests/unit/test_elements \
	tests/unit/test_geohash tests/unit/test_list tests/unit/test_stream tests/fuzz/fuzz_hll tests/fuzz/fuzz_restore tests/fuzz/fuzz_stream
check_PROGRAMS += $(COMMAND_TESTS)
EXTRA_DIST += tests/unit/command redis-tests/random-commands

tests_unit_test_command_replies_SOURCES = tests/unit/test_command_replies.c $(COMMAND_WORLD)
tests_unit_test_command_replies_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_command_replies_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_unit_test_elements_SOURCES = tests/unit/test_elements.c $(COMMAND_WORLD)
tests_unit_test_elements_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_elements_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_unit_test_list_SOURCES = tests/unit/test_list.c $(COMMAND_WORLD)
tests_unit_test_list_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_list_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_unit_test_geohash_SOURCES = tests/unit/test_geohash.c
tests_unit_test_geohash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_geohash_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_unit_test_stream_SOURCES = tests/unit/test_stream.c $(COMMAND_WORLD)
tests_unit_test_stream_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_stream_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_unit_test_command_SOURCES = tests/unit/test_command.c $(COMMAND_WORLD)
tests_unit_test_command_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_command_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)

tests_fuzz_fuzz_hll_SOURCES = tests/fuzz/fuzz_hll.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c
tests_fuzz_fuzz_hll_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz
tests_fuzz_fuzz_hll_LDADD = libcommand.a libbase.a
EXTRA_DIST += tests/fuzz/corpus/hll

tests_fuzz_fuzz_stream_SOURCES = tests/fuzz/fuzz_stream.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c $(COMMAND_WORLD)
tests_fuzz_fuzz_stream_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_stream_LDADD = $(COMMAND_LIBS)
EXTRA_DIST += tests/fuzz/corpus/stream

tests_fuzz_fuzz_restore_SOURCES = tests/fuzz/fuzz_restore.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c $(COMMAND_WORLD)
tests_fuzz_fuzz_restore_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_restore_LDADD = $(COMMAND_LIBS)
EXTRA_DIST += tests/fuzz/corpus/restore
check_PROGRAMS += tests/unit/test_field_expiry
tests_unit_test_field_expiry_SOURCES = tests/unit/test_field_expiry.c $(COMMAND_WORLD)
tests_unit_test_field_expiry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_field_expiry_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_acl
tests_unit_test_acl_SOURCES = tests/unit/test_acl.c $(COMMAND_WORLD)
tests_unit_test_acl_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_acl_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_docs
tests_unit_test_docs_SOURCES = tests/unit/test_docs.c $(COMMAND_WORLD)
tests_unit_test_docs_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_docs_LDADD = $(COMMAND_LIBS) $(CMOCKA_LIBS)
