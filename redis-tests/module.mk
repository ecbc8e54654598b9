EXTRA_DIST += redis-tests/run redis-tests/baseline.tsv redis-tests/skip.txt redis-tests/differs.txt \
	redis-tests/README.md

# The upstream suite of Redis, fetched when it runs: one node, then three with the client on a follower.
# It fails when a file of the bar does not hold it.
check-redis: avow-server
	@failed=0; for nodes in 1 3; do \
	    TSAN_OPTIONS='$(TSAN_OPTIONS_OURS)' AVOW_SERVER=./avow-server python3 $(srcdir)/redis-tests/run --bar --jobs 2 \
	        --nodes $$nodes --logs redis-tests-logs/$$nodes || failed=$$?; \
	done; exit $$failed

# Those of its files that the bar does not name too.
check-redis-all: avow-server
	@failed=0; for nodes in 1 3; do \
	    TSAN_OPTIONS='$(TSAN_OPTIONS_OURS)' AVOW_SERVER=./avow-server python3 $(srcdir)/redis-tests/run --jobs 2 \
	        --nodes $$nodes --logs redis-tests-logs/all-$$nodes || failed=$$?; \
	done; exit $$failed
.PHONY: check-redis check-redis-all

dist_check_SCRIPTS += redis-tests/check-bar
