"""As much of curl as the tours use, for machines that have none: `curl -s URL [-H HEADER]... [-d BODY]`."""

import argparse

import httpx

if __name__ == "__main__":
    reader = argparse.ArgumentParser()
    reader.add_argument("-s", action="store_true")
    reader.add_argument("-X", dest="method")
    reader.add_argument("-H", action="append", default=[], dest="headers")
    reader.add_argument("-d", dest="body")
    reader.add_argument("url")
    asked = reader.parse_args()
    headers = dict(header.split(": ", 1) for header in asked.headers)
    method = asked.method or ("GET" if asked.body is None else "POST")
    url = asked.url if "://" in asked.url else f"http://{asked.url}"
    print(httpx.request(method, url, headers=headers, content=asked.body, timeout=30).text, end="")
