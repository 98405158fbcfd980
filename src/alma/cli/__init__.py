"""The command line: one module a group of commands, options defined once in `options`."""
