import Foundation
import TestSupport

@testable import ModelStorage

/// A server that speaks enough of S3, and misbehaves on request. The bucket selects the behaviour:
///
/// `paged`: two keys a page; `gone`: the first listing names an object that is gone; `away`: objects are redirected to another
/// host name; `region`: is in eu-west-1; `expired`: the token has expired; `page`: answers with a login page; `endless`: each page
/// has a next one; `escape`: a key leaves the folder.
final class ScriptedS3 {
    let port: Int
    private let log: URL
    private let process: ChildProcess

    init(_ folder: URL) throws {
        log = folder.appending(path: "s3.log")
        process = try ChildProcess(["python3", "-c", Self.program, log.path])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    /// A line for each request: host name, path, and whether it was signed and carried the token.
    func requests() -> [String] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    func environment(region: String = "us-east-1") -> StoreEnvironment {
        StoreEnvironment(
            [
                "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:\(port)", "AWS_ACCESS_KEY_ID": "AKIATEST",
                "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_SESSION_TOKEN": "t0k3n", "AWS_REGION": region,
            ], home: "/nonexistent")
    }

    private static let program = #"""
        import collections, http.server, os, sys, threading, urllib.parse
        counts = collections.Counter()
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def answer(self, status, body, headers={}):
                body = body.encode()
                self.send_response(status)
                for name, value in headers.items(): self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_GET(self):
                place = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(place.query))
                _, bucket, key = place.path.split("/", 2)
                host = self.headers.get("Host").split(":")[0]
                signed = "signed" if "AWS4-HMAC-SHA256" in self.headers.get("Authorization", "") else "unsigned"
                token = "token" if self.headers.get("x-amz-security-token") == "t0k3n" else "none"
                with lock:
                    counts[self.path] += 1
                    count = counts[self.path]
                    with open(sys.argv[1], "a") as log: print(host, place.path, signed, token, file=log)
                if bucket == "region":
                    return self.answer(301, "<Error><Code>PermanentRedirect</Code></Error>", {"x-amz-bucket-region": "eu-west-1"})
                if bucket == "expired": return self.answer(400, "<Error><Code>ExpiredToken</Code></Error>")
                if bucket == "page": return self.answer(200, "<!DOCTYPE html><html>Log in</html>", {"Content-Type": "text/html"})
                if key:
                    if bucket == "away" and host == "127.0.0.1":
                        return self.answer(307, "", {"Location": f"http://localhost:{server.server_address[1]}{self.path}"})
                    if bucket == "gone" and key == "m/b": return self.answer(404, "<Error><Code>NoSuchKey</Code></Error>")
                    return self.answer(200, key, {"ETag": '"1"'})
                keys = ["m/a", "m/b", "m/c", "m/d/e", "m/folder/"]
                if bucket == "gone" and count > 1: keys.remove("m/b")
                if bucket == "escape": keys = ["m/a", "m/../b"]
                keys = [k for k in keys if k.startswith(query["prefix"])]
                start = int(query.get("continuation-token", "0"))
                size = 2 if bucket in ("paged", "endless") else 1000
                shown = keys[start:start + size]
                more = start + size < len(keys) or bucket == "endless"
                items = "".join(f"<Contents><Key>{urllib.parse.quote(k)}</Key><Size>{0 if k.endswith('/') else len(k)}</Size>"
                                f"<ETag>&quot;1&quot;</ETag></Contents>" for k in shown)
                following = f"<NextContinuationToken>{start + size}</NextContinuationToken>" if more else ""
                self.answer(200, '<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>'
                            f"<IsTruncated>{str(more).lower()}</IsTruncated>{items}{following}</ListBucketResult>")

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
