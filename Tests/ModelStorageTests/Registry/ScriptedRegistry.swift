import Foundation
import TestSupport

/// A server that models a registry with tokens: every request needs a token for the repository, which `/token` gives for the
/// user `ada` with the password `s3cr3t`, and blobs are redirected to another host. A token ends after three requests.
///
/// `m/fraud` holds one file; `m/liar` sends other bytes than the digest of its layer; `m/swapped` sends another manifest than
/// the digest that is asked for; `m/elsewhere` asks for a token of another domain; `m/busy` answers 429.
final class ScriptedRegistry {
    let port: Int
    private let log: URL
    private let process: ChildProcess

    init(_ folder: URL) throws {
        log = folder.appending(path: "registry.log")
        process = try ChildProcess(["python3", "-c", Self.program, log.path])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    var host: String { "127.0.0.1:\(port)" }

    /// A line for each request: host name, path, and the kind of authorization that it carried.
    func requests() -> [String] {
        ((try? String(contentsOf: log, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
    }

    private static let program = #"""
        import base64, hashlib, http.server, json, os, sys, threading, urllib.parse
        FILE = b"weights"
        DIGEST = "sha256:" + hashlib.sha256(FILE).hexdigest()
        MANIFEST = json.dumps({"schemaVersion": 2, "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": DIGEST,
            "size": 7}, "layers": [{"mediaType": "application/octet-stream", "digest": DIGEST, "size": len(FILE),
            "annotations": {"org.opencontainers.image.title": "model.bin"}}]}).encode()
        tokens = {}

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
                host, port = self.headers.get("Host").split(":")
                said = self.headers.get("Authorization", "none")
                with open(sys.argv[1], "a") as log: print(host, place.path, said.split(" ")[0], file=log)
                if place.path == "/token":
                    query = urllib.parse.parse_qs(place.query)
                    if said != "Basic " + base64.b64encode(b"ada:s3cr3t").decode() or query.get("service") != ["reg"]:
                        return self.answer(401, b"{}")
                    token = f"t{len(tokens)}"
                    tokens[token] = [query["scope"][0], 3]
                    return self.answer(200, json.dumps({"token": token, "expires_in": 300}).encode())
                parts = place.path.strip("/").split("/")
                if parts[0] == "store": return self.answer(200, b"weighty" if parts[1] == "liar" else FILE)
                repository, kind = "/".join(parts[1:3]), parts[3]
                if repository == "m/busy": return self.answer(429, b"{}", {"Retry-After": "0"})
                scope = f"repository:{repository}:pull"
                known = tokens.get(said.removeprefix("Bearer "), [None, 0])
                if known[0] != scope or known[1] == 0:
                    realm = f"http://{host}:{port}/token"
                    if repository == "m/elsewhere": realm = "https://tokens.example.org/token"
                    return self.answer(401, b"{}", {"WWW-Authenticate": f'Bearer realm="{realm}",service="reg",scope="{scope}"'})
                known[1] -= 1
                if kind == "blobs":
                    target = f"http://localhost:{port}/store/{repository.split('/')[1]}"
                    return self.answer(307, b"", {"Location": target})
                self.answer(200, MANIFEST + (b" " if repository == "m/swapped" and "@" not in parts[4] and
                    parts[4].startswith("sha256:") else b""))

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
