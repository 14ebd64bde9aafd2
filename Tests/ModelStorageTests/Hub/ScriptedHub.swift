import Foundation
import TestSupport

@testable import ModelStorage

/// A server that models the hub's API: the answer about a model, `resolve`, and files in LFS, which are redirected to another host.
///
/// `acme/fraud` is public; `acme/gated` needs the token `t0k3n`; `acme/liar` sends other bytes than its LFS digest says;
/// `acme/escape` has a path that leaves the folder.
final class ScriptedHub {
    static let commit = String(repeating: "c", count: 40)

    let port: Int
    private let log: URL
    private let process: ChildProcess

    init(_ folder: URL) throws {
        log = folder.appending(path: "hub.log")
        process = try ChildProcess(["python3", "-c", Self.program, log.path])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    /// A line for each request: host name, path, and the token that it carried.
    func requests() -> [String] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    private static let program = #"""
        import hashlib, http.server, json, os, sys, threading, urllib.parse
        COMMIT = "c" * 40
        FILES = {"config.json": b"{}", "sub/model.safetensors": b"weights", "model.bin": b"pickle"}
        LFS = {"sub/model.safetensors", "model.bin"}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def answer(self, status, body, headers={}):
                self.send_response(status)
                for name, value in headers.items(): self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def do_GET(self):
                place = urllib.parse.urlsplit(self.path)
                path = urllib.parse.unquote(place.path)
                host = self.headers.get("Host").split(":")[0]
                token = self.headers.get("Authorization", "none").removeprefix("Bearer ")
                with open(sys.argv[1], "a") as log: print(host, path, token, file=log)
                parts = path.strip("/").split("/")
                if parts[0] == "cdn": return self.answer(200, FILES["/".join(parts[1:])])
                name = "/".join(parts[2:4] if parts[0] == "api" else parts[:2])
                if name not in ("acme/fraud", "acme/gated", "acme/liar", "acme/escape"):
                    return self.answer(401, b"{}", {"X-Error-Code": "RepoNotFound"})
                if name == "acme/gated" and token != "t0k3n":
                    return self.answer(401, b"{}", {"X-Error-Code": "GatedRepo"})
                if parts[0] == "api":
                    revision = "/".join(parts[5:])
                    if revision not in ("main", "v1", "refs/pr/1", COMMIT):
                        return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                    files = []
                    for path, data in FILES.items():
                        file = {"rfilename": path, "size": len(data), "blobId": hashlib.sha1(data).hexdigest()}
                        if path in LFS:
                            said = b"others." if name == "acme/liar" and path != "model.bin" else data
                            file["lfs"] = {"sha256": hashlib.sha256(said).hexdigest(), "size": len(data)}
                        files.append(file)
                    if name == "acme/escape": files.append({"rfilename": "../x", "size": 1, "blobId": "0"})
                    return self.answer(200, json.dumps({"sha": COMMIT, "siblings": files}).encode())
                if parts[2:4] != ["resolve", COMMIT]: return self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
                file = "/".join(parts[4:])
                if file in LFS:
                    return self.answer(302, b"", {"Location": f"http://localhost:{server.server_address[1]}/cdn/{file}"})
                self.answer(200, FILES[file], {"ETag": '"1"'})

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
