"""A task in a process of its own. Imports little: each process of a task begins with it."""
