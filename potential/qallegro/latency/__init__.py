"""Reports of where the time of a simulation goes: pages, traces, and benchmarks that write them."""
