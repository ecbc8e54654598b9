noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = %D%/entry.h %D%/entry.c %D%/machine.h %D%/machine_internal.h %D%/machine.c \
	%D%/apply.c %D%/transaction.c %D%/parts.c %D%/waiters.h %D%/waiters_index.c %D%/waiters.c \
	%D%/verify.h %D%/verify_rows.h %D%/verify.c \
	%D%/script.h %D%/script.c %D%/script_call.c \
	%D%/script_function.c %D%/script_lua.h %D%/script_lua.c %D%/script_lua_base.c \
	%D%/script_lua_table.c %D%/script_lua_string.c %D%/script_lua_pattern.h \
	%D%/script_lua_pattern.c %D%/script_lua_redis.c %D%/script_lua_reply.c \
	%D%/script_lua_bit.c %D%/script_lua_struct.c %D%/script_lua_json.c %D%/script_lua_msgpack.c
libmachine_a_CFLAGS = $(AM_CFLAGS) $(LUA_CFLAGS)

MACHINE_TESTS = tests/unit/test_entry tests/unit/test_machine tests/unit/test_machine_same \
	tests/unit/test_waiters tests/unit/test_script tests/unit/test_verify tests/fuzz/fuzz_entry tests/fuzz/fuzz_script
check_PROGRAMS += $(MACHINE_TESTS)

tests_unit_test_entry_SOURCES = tests/unit/test_entry.c tests/unit/test.h
tests_unit_test_entry_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_entry_LDADD = libmachine.a libbase.a $(CMOCKA_LIBS)

tests_fuzz_fuzz_entry_SOURCES = tests/fuzz/fuzz_entry.c
tests_fuzz_fuzz_entry_LDADD = libmachine.a libbase.a

MACHINE_LIBS = libmachine.a libcommand.a libkeyspace.a libkv.a libresp.a libbase.a $(ROCKSDB_LIBS) \
	$(LUA_LIBS) -lm

tests_fuzz_fuzz_script_SOURCES = tests/fuzz/fuzz_script.c tests/fuzz/fuzz.h tests/fuzz/fuzz.c \
	tests/unit/machine_world.h tests/unit/machine_world.c
tests_fuzz_fuzz_script_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fuzz -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_script_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_fuzz_fuzz_script_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/fuzz/corpus/script

tests_unit_test_machine_SOURCES = tests/unit/test_machine.c tests/unit/machine_world.h \
	tests/unit/machine_world.c tests/unit/test.h
tests_unit_test_machine_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_machine_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_machine_same_SOURCES = tests/unit/test_machine_same.c tests/unit/machine_world.h \
	tests/unit/machine_world.c
tests_unit_test_machine_same_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_machine_same_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_waiters_SOURCES = tests/unit/test_waiters.c tests/unit/machine_world.h \
	tests/unit/machine_world.c tests/unit/test.h
tests_unit_test_waiters_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_waiters_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_verify_SOURCES = tests/unit/test_verify.c tests/unit/machine_world.h \
	tests/unit/machine_world.c
tests_unit_test_verify_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_verify_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_script_SOURCES = tests/unit/test_script.c tests/unit/machine_world.h \
	tests/unit/machine_world.c
tests_unit_test_script_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_script_LDADD = $(MACHINE_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/unit/script/scripts.txt
