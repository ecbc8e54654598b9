noinst_LIBRARIES += libraft.a
libraft_a_SOURCES = \
	%D%/types.h %D%/raft.h %D%/core.h %D%/raft.c %D%/election.c %D%/replication.c %D%/change.c \
	%D%/read.c %D%/transfer.c %D%/invariants.c %D%/trail.h %D%/trail.c %D%/quorum.h %D%/quorum.c \
	%D%/config.h %D%/config.c %D%/progress.h %D%/progress.c %D%/durable.h %D%/durable.c
EXTRA_DIST += %D%/README.md

RAFT_SIM = tests/unit/raft/core_sim.h tests/unit/raft/core_sim.c
RAFT_STORY = tests/unit/raft/story.h tests/unit/raft/story.c
RAFT_LIBS = libraft.a libbase.a
check_PROGRAMS += tests/unit/raft/test_raft_random tests/unit/raft/test_trail \
	tests/unit/raft/test_quorum tests/unit/raft/test_election \
	tests/unit/raft/test_replication tests/unit/raft/test_members \
	tests/unit/raft/test_untrusted

tests_unit_raft_test_raft_random_SOURCES = tests/unit/raft/test_raft_random.c $(RAFT_SIM)
tests_unit_raft_test_raft_random_LDADD = $(RAFT_LIBS)

tests_unit_raft_test_trail_SOURCES = tests/unit/raft/test_trail.c
tests_unit_raft_test_trail_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_trail_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)

tests_unit_raft_test_quorum_SOURCES = tests/unit/raft/test_quorum.c
tests_unit_raft_test_quorum_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_quorum_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)

tests_unit_raft_test_election_SOURCES = tests/unit/raft/test_election.c $(RAFT_STORY)
tests_unit_raft_test_election_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_election_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)

tests_unit_raft_test_replication_SOURCES = tests/unit/raft/test_replication.c $(RAFT_STORY)
tests_unit_raft_test_replication_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_replication_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)

tests_unit_raft_test_members_SOURCES = tests/unit/raft/test_members.c $(RAFT_STORY) $(RAFT_SIM)
tests_unit_raft_test_members_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_members_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)

tests_unit_raft_test_untrusted_SOURCES = tests/unit/raft/test_untrusted.c $(RAFT_STORY)
tests_unit_raft_test_untrusted_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raft_test_untrusted_LDADD = $(RAFT_LIBS) $(CMOCKA_LIBS)
