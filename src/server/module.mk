noinst_LIBRARIES += libserver.a
libserver_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(JEMALLOC_CFLAGS)
libserver_a_SOURCES = \
	%D%/config.h %D%/config.c %D%/config_file.c %D%/config_table.h %D%/config_table.c \
	%D%/conn.h %D%/conn.c %D%/stream.h %D%/stream_tcp.c %D%/pause.h %D%/pause.c %D%/script_trail.h %D%/script_trail.c %D%/listen.h %D%/listen.c %D%/sights.h %D%/sights.c %D%/steps.h %D%/steps.c %D%/token.h %D%/token.c %D%/http_book.h %D%/http_book.c %D%/listener.h %D%/listener.c \
	%D%/session.h %D%/session.c %D%/dispatch.h %D%/dispatch.c %D%/refusal.h %D%/refusal.c %D%/intake.h %D%/intake.c %D%/outlet.h %D%/outlet.c %D%/route.h %D%/route.c \
	%D%/pending.h %D%/pending.c %D%/stats.h %D%/stats.c %D%/slowlog.h %D%/slowlog.c \
	%D%/key_changes.h %D%/key_changes.c %D%/raft_trace_file.h %D%/raft_trace_file.c %D%/latency.h %D%/latency.c \
	%D%/local.h %D%/local.c %D%/local_connection.c %D%/acl.h %D%/acl.c %D%/local_acl.c \
	%D%/secrets.h %D%/secrets.c %D%/local_client.c %D%/client_ask.h %D%/client_ask.c %D%/relayed.h %D%/local_config.c \
	%D%/local_server.c %D%/local_latency.c %D%/local_debug.c %D%/local_raft.c %D%/local_members.c %D%/local_pubsub.c \
	%D%/pubsub.h %D%/pubsub.c %D%/pubsub_relay.c %D%/events.h %D%/events.c \
	%D%/tracking.h %D%/tracking.c %D%/local_tracking.c \
	%D%/local_script.c \
	%D%/loop.h %D%/loop.c %D%/node.h %D%/node.c %D%/memory.c %D%/server.h %D%/server.c \
	%D%/state.c %D%/service.h %D%/service.c

SERVER_TESTS = tests/unit/test_client_ask tests/unit/test_config tests/unit/test_conn tests/unit/test_latency tests/unit/test_pubsub \
	tests/unit/test_tracking tests/unit/test_sights
SERVER_TEST_LIBS = libserver.a libmachine.a libcommand.a libkeyspace.a libresp.a libkv.a libbase.a \
	$(ROCKSDB_LIBS) $(LUA_LIBS) $(EVENT_LIBS) $(JEMALLOC_LIBS) $(CMOCKA_LIBS) -lm
check_PROGRAMS += $(SERVER_TESTS)

tests_unit_test_sights_SOURCES = tests/unit/test_sights.c
tests_unit_test_sights_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_sights_LDADD = $(SERVER_TEST_LIBS)

tests_unit_test_latency_SOURCES = tests/unit/test_latency.c
tests_unit_test_latency_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_latency_LDADD = $(SERVER_TEST_LIBS)

tests_unit_test_config_SOURCES = tests/unit/test_config.c
tests_unit_test_config_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_config_LDADD = $(SERVER_TEST_LIBS)

CONN_WORLD = tests/unit/conn_world.h tests/unit/conn_world.c tests/unit/fake_shard.h \
	tests/unit/fake_shard.c
tests_unit_test_conn_SOURCES = tests/unit/test_conn.c $(CONN_WORLD)
tests_unit_test_conn_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_conn_LDADD = $(SERVER_TEST_LIBS)

noinst_PROGRAMS += utils/compatibility
utils_compatibility_SOURCES = utils/compatibility.c tests/unit/fake_shard.h tests/unit/fake_shard.c
utils_compatibility_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
utils_compatibility_LDADD = $(SERVER_TEST_LIBS)
dist_check_SCRIPTS += utils/check-compatibility

# Stands beside the nodes of utils/start-cluster.sh --chaos.
noinst_PROGRAMS += utils/keeper
utils_keeper_SOURCES = utils/keeper.c

EXTRA_DIST += docs/compatibility.tsv

# Writes docs/COMPATIBILITY.md anew.
compatibility: utils/compatibility
	utils/compatibility $(srcdir)/docs/compatibility.tsv >$(srcdir)/docs/COMPATIBILITY.md
.PHONY: compatibility
tests_unit_test_client_ask_SOURCES = tests/unit/test_client_ask.c $(CONN_WORLD)
tests_unit_test_client_ask_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_client_ask_LDADD = $(SERVER_TEST_LIBS)

tests_unit_test_pubsub_SOURCES = tests/unit/test_pubsub.c $(CONN_WORLD)
tests_unit_test_pubsub_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_pubsub_LDADD = $(SERVER_TEST_LIBS)

tests_unit_test_tracking_SOURCES = tests/unit/test_tracking.c $(CONN_WORLD)
tests_unit_test_tracking_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_tracking_LDADD = $(SERVER_TEST_LIBS)
