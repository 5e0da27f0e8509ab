"""The edges: command line, HTTP service and its page."""
