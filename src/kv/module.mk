EXTRA_DIST += %D%/disk.h %D%/kv.h %D%/kv_mem.h %D%/log_store.h %D%/state_store.h
