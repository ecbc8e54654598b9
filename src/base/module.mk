noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/bytes.h %D%/bytes.c %D%/buf.h %D%/buf.c %D%/arena.h %D%/arena.c %D%/status.h %D%/status.c \
	%D%/panic.h %D%/panic.c %D%/log.h %D%/log.c %D%/clock.h %D%/clock.c %D%/crc32c.h %D%/crc32c.c \
	%D%/siphash.h %D%/siphash.c %D%/prng.h %D%/prng.c %D%/queue.h %D%/heap.h %D%/heap.c \
	%D%/mailbox.h %D%/mailbox.c %D%/encode.h

