"""The commands of the command line. Only `__main__` imports them, each when it is typed.

A command NAME is a module NAME with `add_arguments(parser)` and `run(options)`, and a line in
`__main__.COMMANDS`. Their output is for people and may change; exit statuses may not.
"""
