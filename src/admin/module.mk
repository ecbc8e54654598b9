noinst_LIBRARIES += libadmin.a
libadmin_a_SOURCES = %D%/info.h %D%/info.c %D%/doctor.h %D%/doctor.c \
	%D%/metrics.h %D%/metrics.c %D%/http.h %D%/http_internal.h %D%/http.c %D%/http_call.c %D%/http_ready.c
libadmin_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
