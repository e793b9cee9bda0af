"""The commands of the command line. Only `__main__` imports them, each when it is typed.

A command NAME is a module NAME with `add_arguments(parser)` and `run(options)`, and a line in
`__main__.COMMANDS`. The other modules here are parts of one command, named after it (`demo_page`,
`doctor_socket`), or serve several: `terminal`, `p0f_process`, `mounts`, `store_option`. The fact a
reader would get wrong: commands are for people, so their output may change; exit statuses may not.
"""
