"""Connections before anything has been asked: who may open how many, framing, time limits, refusals."""
