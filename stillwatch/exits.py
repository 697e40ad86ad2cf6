"""Exit statuses of every command."""

__all__ = ["EXIT_FAILED", "EXIT_INTERRUPTED", "EXIT_OK", "EXIT_USAGE"]

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2  # as click and most programs have it
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells have it
