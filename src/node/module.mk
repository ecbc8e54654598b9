noinst_LIBRARIES += libnode.a
libnode_a_SOURCES = %D%/ports.h %D%/mail.h %D%/block.h %D%/block.c
libnode_a_SOURCES += %D%/consensus.h %D%/consensus_internal.h %D%/consensus_parts.h \
	%D%/consensus.c %D%/output.c %D%/deliver.c %D%/relay_peers.c %D%/health.c %D%/space.h %D%/space.c %D%/peers.c %D%/sight.h %D%/sight.c %D%/batches.c %D%/rounds.c %D%/change.h %D%/admin.c %D%/membership.c %D%/caretaker.c %D%/digest.h %D%/digest.c %D%/members.h %D%/members.c \
	%D%/entry_cache.h %D%/entry_cache.c %D%/wire.h %D%/wire.c %D%/lease.h %D%/lease.c \
	%D%/log_describe.h %D%/log_describe.c %D%/raft_trace.h %D%/raft_trace.c \
	%D%/snapshot.h %D%/snapshot_files.c %D%/snapshot_send.c %D%/snapshot_receive.c %D%/compact.c \
	%D%/backup.h %D%/backup.c %D%/archive.h %D%/archive.c
libnode_a_SOURCES += %D%/phases.h %D%/shard.h %D%/shard_internal.h %D%/shard.c %D%/batch.h %D%/batch.c \
	%D%/propose.c %D%/apply_loop.c %D%/relay.h %D%/relay.c %D%/reads.c %D%/expiry.c %D%/flush.c %D%/install.c %D%/blocked.c

NODE_TESTS = tests/unit/test_shard tests/unit/test_shard_random tests/unit/test_blocked tests/unit/test_relay tests/unit/test_room
check_PROGRAMS += $(NODE_TESTS)
NODE_LIBS = libnode.a libraft.a $(MACHINE_LIBS)

tests_unit_test_shard_SOURCES = tests/unit/test_shard.c tests/unit/shard_world.h \
	tests/unit/shard_world.c tests/unit/test.h
tests_unit_test_shard_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_shard_LDADD = $(NODE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_shard_random_SOURCES = tests/unit/test_shard_random.c tests/unit/shard_world.h \
	tests/unit/shard_world.c tests/unit/test.h
tests_unit_test_shard_random_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_shard_random_LDADD = $(NODE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_room_SOURCES = tests/unit/test_room.c tests/unit/shard_world.h \
	tests/unit/shard_world.c tests/unit/test.h
tests_unit_test_room_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_room_LDADD = $(NODE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_blocked_SOURCES = tests/unit/test_blocked.c tests/unit/shard_world.h \
	tests/unit/shard_world.c tests/unit/test.h
tests_unit_test_blocked_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_blocked_LDADD = $(NODE_LIBS) $(CMOCKA_LIBS)

tests_unit_test_relay_SOURCES = tests/unit/test_relay.c tests/unit/shard_world.h \
	tests/unit/shard_world.c tests/unit/test.h
tests_unit_test_relay_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_relay_LDADD = $(NODE_LIBS) $(CMOCKA_LIBS)

CONSENSUS_TEST_LIBS = $(NODE_LIBS) $(CMOCKA_LIBS)
NODE_CONSENSUS_TESTS = tests/unit/test_consensus tests/unit/test_membership tests/unit/test_levels tests/unit/test_leader_clock tests/unit/test_leader_books tests/unit/test_log_cut tests/unit/test_newcomer \
	tests/unit/test_wire tests/unit/test_raft_trace tests/unit/test_node_parts tests/fuzz/fuzz_wire
check_PROGRAMS += $(NODE_CONSENSUS_TESTS)

tests_unit_test_consensus_SOURCES = tests/unit/test_consensus.c tests/unit/consensus_net.h \
	tests/unit/consensus_net.c tests/unit/consensus_net_tools.c src/machine/entry.c
tests_unit_test_consensus_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_consensus_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_membership_SOURCES = tests/unit/test_membership.c tests/unit/consensus_net.h \
	tests/unit/consensus_net.c tests/unit/consensus_net_tools.c src/machine/entry.c
tests_unit_test_membership_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_membership_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_levels_SOURCES = tests/unit/test_levels.c tests/unit/consensus_net.h \
	tests/unit/consensus_net.c tests/unit/consensus_net_tools.c src/machine/entry.c
tests_unit_test_levels_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_levels_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_leader_clock_SOURCES = tests/unit/test_leader_clock.c tests/unit/test.h \
	src/machine/entry.c
tests_unit_test_leader_clock_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_leader_clock_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_leader_books_SOURCES = tests/unit/test_leader_books.c tests/unit/test.h \
	src/machine/entry.c
tests_unit_test_leader_books_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_leader_books_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_newcomer_SOURCES = tests/unit/test_newcomer.c tests/unit/test.h src/machine/entry.c
tests_unit_test_newcomer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_newcomer_LDADD = $(CONSENSUS_TEST_LIBS)
tests_unit_test_log_cut_SOURCES = tests/unit/test_log_cut.c tests/unit/test.h src/machine/entry.c
tests_unit_test_log_cut_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_cut_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_raft_trace_SOURCES = tests/unit/test_raft_trace.c
tests_unit_test_raft_trace_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_raft_trace_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_wire_SOURCES = tests/unit/test_wire.c src/machine/entry.c
tests_unit_test_wire_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_wire_LDADD = $(CONSENSUS_TEST_LIBS)

tests_unit_test_node_parts_SOURCES = tests/unit/test_node_parts.c src/machine/entry.c
tests_unit_test_node_parts_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_node_parts_LDADD = $(CONSENSUS_TEST_LIBS)

tests_fuzz_fuzz_wire_SOURCES = tests/fuzz/fuzz_wire.c src/machine/entry.c
tests_fuzz_fuzz_wire_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_wire_LDADD = $(NODE_LIBS)
