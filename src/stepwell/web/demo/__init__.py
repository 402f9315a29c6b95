"""The demo: a synthetic network, brought in like any other records, with people who have already worked with it."""
