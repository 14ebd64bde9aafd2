"""Drives a real Chromium over its debugging pipe (no port is opened), and prints what it saw as JSON.

Reads a JSON list of steps from standard input:
  {"do": "size", "width": 360, "height": 800}     {"do": "scheme", "value": "dark"}
  {"do": "goto", "url": "http://..."}             {"do": "click", "at": "button.primary"}
  {"do": "type", "at": "#token", "text": "..."}   {"do": "wait", "for": "document.title == 'x'"}
  {"do": "eval", "js": "document.title"}          {"do": "shot", "file": "/tmp/x.png", "full": true}
Prints {"results": [values of eval], "problems": [console errors, exceptions, refused loads]}.
"""
import base64, json, os, shutil, subprocess, sys, tempfile, time

CHROMIUM = os.environ.get("CHROMIUM", "chromium")
STEP_SECONDS = 20


class Pipe:
    def __init__(self, folder, script):
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # Chromium expects its ends as descriptors 3 and 4.
        def place():
            one, two = os.dup(to_read), os.dup(from_write)
            os.dup2(one, 3)
            os.dup2(two, 4)
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                 "--user-data-dir=" + folder, "--no-first-run", "--disable-background-networking", "--disable-sync",
                 "--disable-component-update", "--no-default-browser-check", "--hide-scrollbars", "--mute-audio"]
        if not script:
            flags.append("--blink-settings=scriptEnabled=false")
        self.process = subprocess.Popen([CHROMIUM] + flags, preexec_fn=place, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.writer, self.reader = to_write, from_read
        os.set_blocking(self.reader, False)
        self.buffer, self.number, self.events = b"", 0, []

    def send(self, method, session=None, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        end = time.time() + STEP_SECONDS
        while time.time() < end:
            for message in self.poll():
                if message.get("id") == self.number:
                    if "error" in message:
                        raise RuntimeError(f"{method}: {message['error']}")
                    return message["result"]
        raise RuntimeError(f"{method}: no answer in {STEP_SECONDS} s")

    def poll(self):
        try:
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise RuntimeError("chromium ended")
            self.buffer += data
        except BlockingIOError:
            time.sleep(0.01)
        *whole, self.buffer = self.buffer.split(b"\0")
        messages = [json.loads(text) for text in whole]
        self.events += [message for message in messages if "method" in message]
        return messages


def evaluate(pipe, session, script):
    answer = pipe.send("Runtime.evaluate", session, expression=script, returnByValue=True, awaitPromise=True)
    if "exceptionDetails" in answer:
        raise RuntimeError(f"{script}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
    return answer["result"].get("value")


def wait(pipe, session, condition):
    end = time.time() + STEP_SECONDS
    while time.time() < end:
        try:
            if evaluate(pipe, session, f"!!({condition})"):
                return
        except RuntimeError as error:
            if "context" not in str(error) and "navigated" not in str(error):
                raise
        time.sleep(0.03)
    raise RuntimeError(f"not true within {STEP_SECONDS} s: {condition}")


def loaded(pipe, session, count):
    end = time.time() + STEP_SECONDS
    while time.time() < end:
        if sum(event["method"] == "Page.loadEventFired" for event in pipe.events) > count:
            return
        pipe.poll()
    raise RuntimeError("the page did not load")


def loads(pipe):
    return sum(event["method"] == "Page.loadEventFired" for event in pipe.events)


def run(pipe, steps):
    target = pipe.send("Target.createTarget", url="about:blank")["targetId"]
    session = pipe.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ["Page", "Runtime", "Log", "Network"]:
        pipe.send(f"{domain}.enable", session)
    results, width, height = [], 1280, 900
    for step in steps:
        kind = step["do"]
        if kind == "size":
            width, height = step["width"], step["height"]
            pipe.send("Emulation.setDeviceMetricsOverride", session, width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)
        elif kind == "scheme":
            pipe.send("Emulation.setEmulatedMedia", session,
                      features=[{"name": "prefers-color-scheme", "value": step["value"]}])
        elif kind == "goto":
            before = loads(pipe)
            pipe.send("Page.navigate", session, url=step["url"])
            loaded(pipe, session, before)
        elif kind == "click":
            before = loads(pipe)
            at = json.dumps(step["at"])
            place = evaluate(pipe, session, f"(() => {{ const e = document.querySelector({at}); e.scrollIntoView({{block: 'center'}}); "
                             "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()")
            for event in ["mousePressed", "mouseReleased"]:
                pipe.send("Input.dispatchMouseEvent", session, type=event, x=place[0], y=place[1], button="left", clickCount=1)
            if step.get("loads", True):
                loaded(pipe, session, before)
        elif kind == "type":
            evaluate(pipe, session, f"document.querySelector({json.dumps(step['at'])}).focus()")
            pipe.send("Input.insertText", session, text=step["text"])
        elif kind == "key":
            for event in ["keyDown", "keyUp"]:
                pipe.send("Input.dispatchKeyEvent", session, type=event, key=step["key"], code=step["key"],
                          windowsVirtualKeyCode=step.get("code", 9))
        elif kind == "wait":
            wait(pipe, session, step["for"])
        elif kind == "eval":
            results.append(evaluate(pipe, session, step["js"]))
        elif kind == "shot":
            options = {"format": "png"}
            if step.get("full"):
                size = pipe.send("Page.getLayoutMetrics", session)["cssContentSize"]
                tall = min(int(size["height"]), step.get("most", 12000))
                pipe.send("Emulation.setDeviceMetricsOverride", session, width=width, height=max(tall, height),
                          deviceScaleFactor=1, mobile=width < 600)
            data = pipe.send("Page.captureScreenshot", session, **options)["data"]
            with open(step["file"], "wb") as file:
                file.write(base64.b64decode(data))
            if step.get("full"):
                pipe.send("Emulation.setDeviceMetricsOverride", session, width=width, height=height, deviceScaleFactor=1,
                          mobile=width < 600)
    problems = []
    for event in pipe.events:
        params = event["params"]
        if event["method"] == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            problems.append(details.get("exception", {}).get("description") or details["text"])
        elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ["error", "warning"]:
            problems.append(params["entry"]["text"] + " " + params["entry"].get("url", ""))
        elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ["error", "warning", "assert"]:
            problems.append(json.dumps(params["args"]))
    return {"results": results, "problems": problems}


def main():
    request = json.load(sys.stdin)
    folder = tempfile.mkdtemp(prefix="mlctl-chromium-")
    pipe = Pipe(folder, request.get("script", True))
    try:
        print(json.dumps(run(pipe, request["steps"])))
    finally:
        pipe.process.kill()
        pipe.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


main()
