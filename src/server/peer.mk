# The peer channel and the threads: apart from libserver.a, so that they are tested without clients.
noinst_LIBRARIES += libpeer.a
libpeer_a_CFLAGS = $(AM_CFLAGS) $(EVENT_CFLAGS) $(HIREDIS_CFLAGS) $(OPENSSL_CFLAGS)
libpeer_a_SOURCES = %D%/peer.h %D%/peer_internal.h %D%/peer.c %D%/peer_link.c %D%/peer_hello.h \
	%D%/peer_hello.c %D%/peer_socket.h %D%/peer_socket.c %D%/log_writer.h %D%/log_writer.c \
	%D%/workers.h %D%/workers.c %D%/urgent.h %D%/urgent.c %D%/chaos.h %D%/chaos.c

check_PROGRAMS += tests/unit/test_peer tests/unit/test_log_writer tests/unit/test_workers

tests_unit_test_peer_SOURCES = tests/unit/test_peer.c src/machine/entry.c
tests_unit_test_peer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(EVENT_CFLAGS)
tests_unit_test_peer_LDADD = libpeer.a libnode.a libbase.a $(EVENT_LIBS) $(HIREDIS_LIBS) \
	$(OPENSSL_LIBS) $(CMOCKA_LIBS)

tests_unit_test_log_writer_SOURCES = tests/unit/test_log_writer.c
tests_unit_test_log_writer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_log_writer_LDADD = libpeer.a libkv.a libbase.a $(ROCKSDB_LIBS) $(CMOCKA_LIBS)

tests_unit_test_workers_SOURCES = tests/unit/test_workers.c
tests_unit_test_workers_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_workers_LDADD = libpeer.a libbase.a $(CMOCKA_LIBS)
