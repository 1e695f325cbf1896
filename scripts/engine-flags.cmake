# A normal variable shadows the cache entry that the package forces to ON.
set(LLAMA_BUILD_COMMON OFF)
