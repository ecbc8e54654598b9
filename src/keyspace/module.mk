noinst_LIBRARIES += libkeyspace.a
libkeyspace_a_SOURCES = \
	%D%/table.h %D%/table.c %D%/sorted.h %D%/sorted.c \
	%D%/cache.h %D%/cache_rows.h %D%/cache.c %D%/cache_cut.c %D%/cache_cursor.c \
	%D%/keyspace.h %D%/keyspace_state.h %D%/keyspace.c %D%/walk.c %D%/slot.c \
	%D%/meta.h %D%/meta.c %D%/object.h %D%/object.c %D%/object_string.c \
	%D%/expire.h %D%/expire.c %D%/graveyard.h %D%/graveyard.c

