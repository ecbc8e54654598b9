noinst_LIBRARIES += libadmin.a
libadmin_a_SOURCES = %D%/info.h %D%/info.c %D%/doctor.h %D%/doctor.c
libadmin_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS)
