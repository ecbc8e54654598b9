EXTRA_DIST += redis-tests/run redis-tests/baseline.tsv redis-tests/skip.txt redis-tests/README.md

# The upstream suite of Redis, fetched when it runs: one node, then three with the client on a follower.
check-redis: avow-server
	@failed=0; for nodes in 1 3; do \
	    TSAN_OPTIONS='$(TSAN_OPTIONS_OURS)' AVOW_SERVER=./avow-server python3 $(srcdir)/redis-tests/run --nodes $$nodes \
	        --logs redis-tests-logs/$$nodes || failed=1; \
	done; exit $$failed
.PHONY: check-redis
