import Foundation
import TestSupport

/// A real HTTP server on loopback, in its own process, that misbehaves on request. The first part of a path selects the
/// behaviour:
///
/// `ok`: the whole file, with Range and a strong ETag; `cut`: at most 256 KiB per answer, then the connection is closed;
/// `cutweak`: the same with a weak ETag; `once`: closes the first answer early and does not support Range; `liar`: announces a
/// length that never arrives, without Range; `flaky`: status 500 twice; `hang`: half of the file, then silence; `date`: only
/// Last-Modified; `bare`: no validators; `nolength`: no length; `to`: redirects to what follows; `round`: redirects to itself;
/// `away`: redirects to another host; `status`: that status.
final class FileServer {
    struct Request: Hashable {
        var path: String
        var range: String?
        var ifRange: String?
        var ifNoneMatch: String?
    }

    let port: Int
    let folder: URL
    private let process: ChildProcess

    /// Serves the files of a folder.
    init(_ folder: URL) throws {
        self.folder = folder
        process = try ChildProcess(["python3", "-c", Self.program, folder.path])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)/\(path)" }

    /// The requests, in order.
    func requests() throws -> [Request] {
        let text = (try? String(contentsOf: folder.appending(path: "requests.log"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map {
                $0 == "-" ? nil : String($0)
            }
            return Request(path: fields[0] ?? "", range: fields[1], ifRange: fields[2], ifNoneMatch: fields[3])
        }
    }

    private static let program = #"""
        import collections, hashlib, http.server, os, re, socket, sys, threading, time
        folder = sys.argv[1]
        counts = collections.Counter()
        lock = threading.Lock()
        CUT = 256 * 1024

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def head(self, status, headers):
                self.send_response(status)
                for name, value in headers.items(): self.send_header(name, str(value))
                self.end_headers()
            def do_GET(self):
                names = ["Range", "If-Range", "If-None-Match"]
                with lock:
                    counts[self.path] += 1
                    count = counts[self.path]
                    with open(folder + "/requests.log", "a") as log:
                        print(self.path, *[self.headers.get(n, "-") for n in names], sep="\t", file=log)
                _, how, rest = self.path.split("/", 2)
                if how == "status": return self.head(int(rest), {"Content-Length": 0})
                if how == "to": return self.head(302, {"Location": "/" + rest, "Content-Length": 0})
                if how == "round": return self.head(302, {"Location": self.path, "Content-Length": 0})
                if how == "away": return self.head(302, {"Location": "http://example.org/x", "Content-Length": 0})
                if how == "flaky" and count <= 2: return self.head(500, {"Content-Length": 4}) or self.wfile.write(b"oops")
                if not os.path.exists(os.path.join(folder, rest)): return self.head(404, {"Content-Length": 0})
                with open(os.path.join(folder, rest), "rb") as file: body = file.read()
                tag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
                headers = {}
                if how in ("ok", "cut", "flaky", "liar", "hang", "to"): headers["ETag"] = tag
                if how == "cutweak": headers["ETag"] = "W/" + tag
                if how == "date":
                    headers["Last-Modified"] = self.date_time_string(os.stat(os.path.join(folder, rest)).st_mtime)
                    if self.headers.get("If-Modified-Since") == headers["Last-Modified"]: return self.head(304, headers)
                if self.headers.get("If-None-Match") == headers.get("ETag", "none"): return self.head(304, headers)
                start, status = 0, 200
                wanted = re.match(r"bytes=(\d+)-$", self.headers.get("Range", ""))
                fits = self.headers.get("If-Range") in (None, headers.get("ETag"), headers.get("Last-Modified"))
                if wanted and fits and how not in ("once", "liar"):
                    start = int(wanted[1])
                    if start >= len(body):
                        return self.head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": 0})
                    status = 206
                    headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                part = body[start:]
                if how == "nolength": headers["Connection"] = "close"
                else: headers["Content-Length"] = len(part) + (1000 if how == "liar" else 0)
                self.head(status, headers)
                if how in ("cut", "cutweak"): part = part[:CUT]
                if how == "once" and count == 1: part = part[:CUT]
                if how == "hang":
                    self.wfile.write(part[:len(part) // 2])
                    self.wfile.flush()
                    time.sleep(3600)
                self.wfile.write(part)
                self.wfile.flush()
                if how in ("cut", "cutweak", "liar", "nolength") or (how == "once" and count == 1):
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
