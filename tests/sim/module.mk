check_LIBRARIES += libsim.a
libsim_a_SOURCES = %D%/linear.h %D%/linear.c
libsim_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

check_PROGRAMS += tests/unit/test_linear
tests_unit_test_linear_SOURCES = tests/unit/test_linear.c
tests_unit_test_linear_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_linear_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_linear_LDADD = libsim.a libbase.a $(CMOCKA_LIBS)

noinst_PROGRAMS += tests/sim/linear
tests_sim_linear_SOURCES = %D%/linear_main.c
tests_sim_linear_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_sim_linear_LDADD = libsim.a libbase.a

SIM_SOURCES = %D%/sim.h %D%/sim_client.h %D%/sim_fault.h %D%/sim_relay.h %D%/sim_cluster.c %D%/sim_node.c %D%/sim_net.c \
	%D%/sim_host.c %D%/sim_relay.c %D%/sim_client.c %D%/sim_pipe.c %D%/sim_zoo.c %D%/sim_large.c %D%/sim_wait.c %D%/sim_churn.c %D%/sim_rot.c %D%/sim_levels.c %D%/sim_fault.c %D%/sim_check.c

noinst_PROGRAMS += tests/sim/simulate
tests_sim_simulate_SOURCES = %D%/simulate.c $(SIM_SOURCES)
tests_sim_simulate_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_sim_simulate_LDADD = libsim.a libnode.a libmachine.a libcommand.a libkeyspace.a libraft.a \
	libresp.a libkv.a libbase.a $(ROCKSDB_LIBS) $(LUA_LIBS) -lm

check_PROGRAMS += tests/sim/scenarios
tests_sim_scenarios_SOURCES = %D%/scenarios.c $(SIM_SOURCES)
tests_sim_scenarios_CPPFLAGS = $(tests_sim_simulate_CPPFLAGS)
tests_sim_scenarios_LDADD = $(tests_sim_simulate_LDADD)

noinst_PROGRAMS += tests/sim/replay
tests_sim_replay_SOURCES = %D%/replay.c
tests_sim_replay_LDADD = libnode.a libraft.a libbase.a

dist_check_SCRIPTS += %D%/check-sim
check-sim: tests/sim/simulate
	SEEDS='$(SEEDS)' $(srcdir)/tests/sim/check-sim
.PHONY: check-sim

# Breaks one rule at a time and shows that some test notices: some minutes.
check-mutants:
	$(srcdir)/tests/mutants/run
.PHONY: check-mutants
EXTRA_DIST += tests/mutants/run tests/mutants/mutants.txt tests/mutants/README.md tests/fuzz/README.md \
	utils/bench/README.md utils/bench/listeners %D%/README.md
