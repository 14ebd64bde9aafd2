"""A model server for tests: how it behaves is said by its model's version, such as `good-1` or `failing-3`.

good      answers
failing   answers 500 to a fifth of the requests
slow      answers after a quarter of a second
crashing  ends at once
stuck     listens nowhere
hanging   is ready, and never answers a prediction
cut       dies in the middle of every twentieth answer
solo      only the instance that was started first ever listens
forking   the real server is away from its parents, in a session of its own, and with nothing of its environment
batching  answers what came within 150 ms together; of 60 batches one fails and one takes half a second longer
restarting  ends at one request of 1,000, with all that are under way
thrifty   computes for 4 ms of CPU a request
burning   computes for 8 ms of CPU a request
leaking   computes as long as thrifty does, and keeps 1 MiB of each request for ever

Any of them is not ready while there is a file `unready-VERSION` beside its marks.
"""
import http.server
import os
import random
import sys
import threading
import time

version = os.environ["MODEL_VERSION"]
kind = version.split("-")[0]
marks = os.environ.get("TEST_MARKS")
if marks:
    with open(os.path.join(marks, version), "a") as file:
        file.write(f"{os.getpid()}\n")

    starts = open(os.path.join(marks, version)).read().splitlines()
    # What it does by chance is the same in every run.
    random.seed(f"{version} {len(starts)}")
    if kind == "solo" and starts[0] != str(os.getpid()):
        time.sleep(3600)

if kind == "crashing":
    sys.exit("this model cannot be loaded")
if kind == "stuck":
    time.sleep(3600)
if kind == "forking" and "ESCAPED" not in os.environ:
    if os.fork() > 0:
        sys.exit(0)
    os.setsid()
    if os.fork() > 0:
        os._exit(0)
    rest = {"ESCAPED": marks, "MODEL_VERSION": version, "PATH": os.environ["PATH"], "PORT": os.environ["PORT"]}
    os.execve(sys.executable, [sys.executable, __file__], rest)


class Batch:
    """Requests that are answered together, and well or badly together."""

    def __init__(self):
        self.isAnswered = threading.Event()
        self.isGood = True


class Batches:
    def __init__(self):
        self.lock = threading.Lock()
        self.current = None

    def join(self):
        with self.lock:
            if self.current is None:
                self.current = Batch()
                threading.Thread(target=self.work, args=(self.current,), daemon=True).start()
            batch = self.current
        batch.isAnswered.wait()
        return batch.isGood

    def work(self, batch):
        time.sleep(0.15)
        with self.lock:
            self.current = None
        luck = random.random()
        batch.isGood = luck >= 1 / 60
        if 1 / 60 <= luck < 2 / 60:
            time.sleep(0.5)
        batch.isAnswered.set()


batches = Batches()

# Seconds of CPU that a request takes.
work = {"thrifty": 0.004, "burning": 0.008, "leaking": 0.004}.get(kind, 0)
leaked = []


def compute(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass



class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        unready = marks and os.path.exists(os.path.join(marks, f"unready-{version}"))
        self.answer(503 if unready else 200, version.encode())

    def do_POST(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        compute(work)
        if kind == "leaking":
            leaked.append(b"x" * (1 << 20))
        if kind == "slow":
            time.sleep(0.25)
        if kind == "hanging":
            time.sleep(3600)
        if kind == "cut" and random.random() < 0.05:
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b"only this much")
            self.wfile.flush()
            os._exit(3)
        if kind == "restarting" and random.random() < 0.001:
            os._exit(3)
        if kind == "batching" and not batches.join():
            return self.answer(500, b'{"error": "the batch failed"}')
        if kind == "failing" and random.random() < 0.2:
            return self.answer(500, b'{"error": "the model is worse"}')
        self.answer(200, version.encode())

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


Server((os.environ.get("BIND_ADDRESS", "127.0.0.1"), int(os.environ["PORT"])), Handler).serve_forever()
