"""llama.cpp's own HTTP server, from the wheel `xllamacpp`: `llama_server.py MODEL --port PORT` serves till killed."""

import argparse
import threading

import xllamacpp

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--port", type=int, required=True)
given = parser.parse_args()
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.port = given.model, 2048, given.port
server = xllamacpp.Server(params)  # serves in a thread of its own while it lives
threading.Event().wait()
