#!/usr/bin/env python3
"""Writes tokens.json: tokens signed by Python's hmac, which shares nothing with what reads them."""
import base64
import hashlib
import hmac
import json
import pathlib

KEYS = {"2026-a": "correct horse battery staple", "b_2": "0123456789abcdef", "Z": "ä" * 40}
CASES = [
    ("2026-a", 2_000_000_000, "/live/"), ("b_2", 2_000_000_000, "/"), ("Z", 1, "/live/a%20b/720p"),
    ("2026-a", 253_402_300_799, "/l%C3%B6ve/%2F/"),
]


def text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def token(key, expiry, prefix):
    signed = f"{key}.{expiry}.{text(prefix.encode())}"
    return f"{signed}.{text(hmac.new(KEYS[key].encode(), signed.encode(), hashlib.sha256).digest())}"


cases = [
    {"key": key, "expiry": expiry, "prefix": prefix, "token": token(key, expiry, prefix)}
    for key, expiry, prefix in CASES]
pathlib.Path(__file__).with_name("tokens.json").write_text(
    json.dumps({"keys": KEYS, "cases": cases}, indent=1, ensure_ascii=False) + "\n")
