"""The page in a real browser: Debian's Chromium, driven against a real server."""
