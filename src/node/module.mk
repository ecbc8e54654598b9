noinst_LIBRARIES += libnode.a
libnode_a_SOURCES = %D%/ports.h %D%/mail.h %D%/block.h %D%/block.c
libnode_a_SOURCES += %D%/consensus.h %D%/consensus_internal.h %D%/consensus.c %D%/output.c \
	%D%/peers.c %D%/batches.c %D%/rounds.c %D%/admin.c %D%/members.h %D%/members.c \
	%D%/entry_cache.h %D%/entry_cache.c %D%/wire.h %D%/wire.c %D%/lease.h %D%/lease.c \
	%D%/log_describe.h %D%/log_describe.c
libnode_a_SOURCES += %D%/shard.h %D%/shard_internal.h %D%/shard.c %D%/batch.h %D%/batch.c \
	%D%/propose.c %D%/apply_loop.c %D%/reads.c %D%/expiry.c %D%/flush.c

NODE_TESTS =
check_PROGRAMS += $(NODE_TESTS)
