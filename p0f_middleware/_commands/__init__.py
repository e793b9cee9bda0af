"""The command line's commands, a module each. `__main__` alone imports them."""
