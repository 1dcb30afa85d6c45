"""The scheduler that performs the jobs: gluon's own where it is at hand."""
