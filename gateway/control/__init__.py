"""The engine's control socket: HTTP on a Unix socket of its user, for operators' commands; and asking the front's."""
