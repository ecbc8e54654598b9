noinst_LIBRARIES += libnode.a
libnode_a_SOURCES = %D%/ports.h %D%/mail.h %D%/block.h %D%/block.c
EXTRA_DIST += %D%/lease.h %D%/log_describe.h %D%/consensus.h %D%/shard.h

NODE_TESTS =
check_PROGRAMS += $(NODE_TESTS)
