"""A gRPC model server for tests, with grpcio. It listens on PORT, and says which with one line.

Its methods take and give bytes:
Predict     answers "VERSION:" and the request; of a version that begins with "unavailable" UNAVAILABLE
Fail        ends with the status that the request names
Sleep       answers after as many seconds as the request says; one that is cancelled adds a line to MARKS/cancelled
Count       streams 1 to the number in the request
Flood       streams as many messages of 64 KiB as the request says, and counts in MARKS/sent how many it has sent
Echo        streams back each message of the client's stream
Swallow     reads all messages of the client's stream, and answers how many bytes they had
Fields      answers the metadata that it received
"""
import json
import os
import sys
import threading
import time
from concurrent import futures

import grpc

version = os.environ.get("MODEL_VERSION", "v")
marks = os.environ.get("TEST_MARKS")
lock = threading.Lock()


def mark(name, text):
    if marks:
        with lock, open(os.path.join(marks, name), "a") as file:
            file.write(text + "\n")


def predict(request, context):
    context.send_initial_metadata((("x-version", version),))
    context.set_trailing_metadata((("x-trailer", "t-" + version), ("x-bytes-bin", b"\x00\xff")))
    if version.startswith("unavailable"):
        context.abort(grpc.StatusCode.UNAVAILABLE, "the model is not there")
    return version.encode() + b":" + request


def fail(request, context):
    context.abort(grpc.StatusCode[request.decode()], "100% as asked: \u00e9")


def sleep(request, context):
    context.add_callback(lambda: mark("ended", request.decode()))
    end = time.monotonic() + float(request)
    while time.monotonic() < end:
        if not context.is_active():
            mark("cancelled", request.decode())
            return b""
        time.sleep(0.01)
    return b"slept"


def count(request, context):
    for number in range(int(request)):
        yield str(number + 1).encode()


def flood(request, context):
    for number in range(int(request)):
        mark("sent", str(number))
        yield b"x" * 65536


def echo(requests, context):
    for request in requests:
        yield version.encode() + b":" + request


def swallow(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def fields(request, context):
    return json.dumps({key: str(value) for key, value in context.invocation_metadata()}).encode()


unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
handlers = grpc.method_handlers_generic_handler("test.Model", {
    "Predict": unary(predict), "Fail": unary(fail), "Sleep": unary(sleep), "Fields": unary(fields),
    "Count": stream(count), "Flood": stream(flood), "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Swallow": grpc.stream_unary_rpc_method_handler(swallow),
})
server = grpc.server(futures.ThreadPoolExecutor(32), options=(("grpc.so_reuseport", 0),))
server.add_generic_rpc_handlers((handlers,))
port = server.add_insecure_port("127.0.0.1:" + os.environ.get("PORT", "0"))
server.start()
print(port, flush=True)
if os.environ.get("ENDS_WITH_INPUT"):
    sys.stdin.read()
    os._exit(0)
server.wait_for_termination()
