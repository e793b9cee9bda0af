"""The clients of the p0f daemon: `blocking.P0f` and `aio.AsyncP0f`."""
