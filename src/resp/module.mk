noinst_LIBRARIES += libresp.a
libresp_a_SOURCES = \
	%D%/resp_read.h %D%/resp_read.c %D%/resp_write.h %D%/resp_write.c \
	%D%/resp_skip.h %D%/resp_skip.c
