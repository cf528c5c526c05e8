"""Runs a command on a terminal of its own, closes that once the command has shown a text, and prints its exit code."""
import fcntl
import os
import pty
import struct
import sys
import termios

wanted = sys.argv[1].encode()
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
while wanted not in seen:
    seen += os.read(terminal, 4096)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
