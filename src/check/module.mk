bin_PROGRAMS += avow-check
avow_check_SOURCES = %D%/check.h %D%/main.c %D%/node_dir.c %D%/look.c %D%/verify.c %D%/recover.c \
	%D%/restore.c %D%/restore_log.h %D%/restore_log.c %D%/verify_backup.c
avow_check_LDADD = libnode.a libmachine.a libcommand.a libkeyspace.a libraft.a libresp.a libkv.a \
	libbase.a $(ROCKSDB_LIBS) $(JEMALLOC_LIBS) -lm
EXTRA_DIST += %D%/README.md
