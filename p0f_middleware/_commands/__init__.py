"""The commands of the command line. Only `__main__` imports them, each when it is typed.

A command NAME is two functions of a module, `add_NAME(parser)` and `NAME(options)`, and a line in
`__main__.COMMANDS`. Their output is for people and may change; exit statuses may not.
"""
