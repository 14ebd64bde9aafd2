"""Calls a test's gRPC server, with grpcio: `grpc_client.py ADDRESS WHAT [ARGUMENT]`. Prints what came back as JSON.

With CA, the connection is made by TLS, and the authority's certificate is in that file.
"""
import json
import os
import signal
import sys
import threading
import time

import grpc

address, what = sys.argv[1:3]
argument = sys.argv[3] if len(sys.argv) > 3 else ""
options = (("grpc.enable_retries", 0), ("grpc.max_receive_message_length", -1))
if "CA" in os.environ:
    credentials = grpc.ssl_channel_credentials(open(os.environ["CA"], "rb").read())
    channel = grpc.secure_channel(address, credentials, options)
else:
    channel = grpc.insecure_channel(address, options)


def path(name):
    return "/test.Model/" + name


def unary(name, request, **more):
    try:
        answer, call = channel.unary_unary(path(name)).with_call(request, **{"timeout": 20, **more})
        return result(call, answer)
    except grpc.RpcError as error:
        return result(error, b"")


def result(call, answer):
    return {
        "status": call.code().name, "details": call.details(), "answer": answer.decode(),
        "initial": {key: str(value) for key, value in call.initial_metadata() or ()},
        "trailing": {key: str(value) for key, value in call.trailing_metadata() or ()},
    }


def load(seconds):
    """Calls from four threads, until SIGTERM at the latest. Every call's status is counted, by the revision that the proxy names."""
    totals, lock, ended = {}, threading.Lock(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    end = time.monotonic() + seconds

    def run(thread):
        number = 0
        while time.monotonic() < end and not ended.is_set():
            number += 1
            found = unary("Predict", b"q", metadata=(("x-user", f"{thread}-{number}"),))
            revision = found["initial"].get("x-mlctl-revision") or found["trailing"].get("x-mlctl-revision", "?")
            with lock:
                key = f"{revision} {found['status']}"
                totals[key] = totals.get(key, 0) + 1

    threads = [threading.Thread(target=run, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.1)
    return totals


def chat(turns):
    """Sends the next message only when the last one came back."""
    answers, ready = [], threading.Semaphore(1)

    def messages():
        for number in range(turns):
            ready.acquire()
            yield str(number).encode()

    call = channel.stream_stream(path("Echo"))(messages(), timeout=30)
    for answer in call:
        answers.append(answer.decode())
        ready.release()
    return {"status": call.code().name, "answers": answers}


def cancelled(seconds):
    call = channel.unary_unary(path("Sleep")).future(seconds.encode(), timeout=60)
    time.sleep(0.3)
    call.cancel()
    return {"cancelled": call.cancelled()}


def flood(messages):
    """Reads one message, and then none until standard input says so: the server must not send what nobody reads."""
    call = channel.unary_stream(path("Flood"))(str(messages).encode(), timeout=60)
    answers = iter(call)
    size = len(next(answers))
    print("paused", flush=True)
    sys.stdin.readline()
    size += sum(len(answer) for answer in answers)
    return {"status": call.code().name, "bytes": size}


if what == "load":
    print(json.dumps(load(float(argument))))
elif what == "chat":
    print(json.dumps(chat(int(argument))))
elif what == "cancel":
    print(json.dumps(cancelled(argument)))
elif what == "flood":
    print(json.dumps(flood(int(argument))))
elif what == "count":
    call = channel.unary_stream(path("Count"))(argument.encode(), timeout=20)
    answers = [int(answer) for answer in call]
    print(json.dumps({"status": call.code().name, "sum": sum(answers), "count": len(answers)}))
elif what == "swallow":
    messages = (b"y" * 65536 for _ in range(int(argument)))
    answer, call = channel.stream_unary(path("Swallow")).with_call(messages, timeout=30)
    print(json.dumps(result(call, answer)))
elif what == "deadline":
    print(json.dumps(unary("Sleep", b"20", timeout=float(argument))))
elif what == "user":
    print(json.dumps(unary("Predict", b"q", metadata=(("x-user", argument),))))
elif what == "infer":
    from mlserver.grpc import dataplane_pb2 as pb, dataplane_pb2_grpc

    stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
    request = pb.ModelInferRequest(model_name=argument, inputs=[pb.ModelInferRequest.InferInputTensor(
        name="x", datatype="FP64", shape=[1, 30],
        contents=pb.InferTensorContents(fp64_contents=[1.0] * 30))])
    answer, call = stub.ModelInfer.with_call(request, timeout=20)
    print(json.dumps({"status": call.code().name, "model": answer.model_name, "outputs": len(answer.outputs),
                      "revision": dict(call.initial_metadata()).get("x-mlctl-revision")}))
else:
    print(json.dumps(unary(what, argument.encode())))
