"""The adapters translate: between the kernel's vocabulary and HTTP, frames, tokens and the shell.

They decide nothing about money.
"""
