noinst_LIBRARIES += libraft.a
libraft_a_SOURCES = \
	%D%/types.h %D%/raft.h %D%/core.h %D%/raft.c %D%/election.c %D%/replication.c %D%/change.c \
	%D%/read.c %D%/transfer.c %D%/invariants.c %D%/trail.h %D%/trail.c %D%/quorum.h %D%/quorum.c \
	%D%/config.h %D%/config.c %D%/progress.h %D%/progress.c %D%/durable.h %D%/durable.c

RAFT_SIM = tests/unit/raft/core_sim.h tests/unit/raft/core_sim.c
check_PROGRAMS += tests/unit/raft/test_raft_random
tests_unit_raft_test_raft_random_SOURCES = tests/unit/raft/test_raft_random.c $(RAFT_SIM)
tests_unit_raft_test_raft_random_LDADD = libraft.a libbase.a
