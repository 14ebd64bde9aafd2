import Foundation
import TestSupport

/// A server that models Azure Blob Storage for the account `acme`: it lists one blob a page, and verifies Shared Key signatures by
/// the rules of Azure's documentation, a signature `sig=a+b`, and tokens of its own login.
final class ScriptedAzure {
    static let key = Data("the account's key".utf8).base64EncodedString()

    let port: Int
    private let process: ChildProcess

    init(_ folder: URL) throws {
        process = try ChildProcess(["python3", "-c", Self.program, Self.key])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    var endpoint: String { "http://127.0.0.1:\(port)" }

    private static let program = #"""
        import base64, hashlib, hmac, http.server, os, sys, threading, urllib.parse
        KEY = base64.b64decode(sys.argv[1])
        BLOBS = {"fraud/v1/model.json": b"one", "fraud/v1/sub/a b+c.bin": b"two", "fraud/v10/x": b"beside"}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def answer(self, status, body, headers={}):
                self.send_response(status)
                for name, value in headers.items(): self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def fail(self, status, code): self.answer(status, f"<Error><Code>{code}</Code></Error>".encode())
            def signature(self, place, query):
                names = ["Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date",
                         "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"]
                lines = ["GET"] + [self.headers.get(name, "") for name in names]
                lines += sorted(f"{name.lower()}:{value}" for name, value in self.headers.items() if name.lower().startswith("x-ms-"))
                lines.append("/acme" + place.path)
                lines += [f"{name}:{','.join(values)}" for name, values in sorted(query.items())]
                return base64.b64encode(hmac.new(KEY, "\n".join(lines).encode(), hashlib.sha256).digest()).decode()
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                if self.path != "/t/oauth2/v2.0/token" or form.get("client_assertion") != ["pr00f"]: return self.answer(400, b"{}")
                self.answer(200, b'{"access_token": "t0k3n", "expires_in": 3600}')
            def do_GET(self):
                place = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(place.query)
                said = self.headers.get("Authorization", "")
                if not self.headers.get("x-ms-version"): return self.fail(400, "MissingRequiredHeader")
                if said.startswith("SharedKey "):
                    if said != f"SharedKey acme:{self.signature(place, query)}": return self.fail(403, "AuthenticationFailed")
                elif "sig" in query:
                    if query["sig"] != ["a+b"]: return self.fail(403, "AuthenticationFailed")
                elif said != "Bearer t0k3n": return self.fail(404, "ResourceNotFound")
                parts = urllib.parse.unquote(place.path).strip("/").split("/", 1)
                if parts[0] != "models": return self.fail(404, "ContainerNotFound")
                if len(parts) == 1:
                    found = sorted(name for name in BLOBS if name.startswith(query["prefix"][0]))
                    start = int(query.get("marker", ["0"])[0])
                    text = "".join(f"<Blob><Name>{name}</Name><Properties><Content-Length>{len(BLOBS[name])}</Content-Length>"
                                   f"<Etag>0x{len(name)}</Etag></Properties></Blob>" for name in found[start:start + 1])
                    more = str(start + 1) if start + 1 < len(found) else ""
                    return self.answer(200, ('\ufeff<?xml version="1.0"?><EnumerationResults><Blobs>' + text + "</Blobs><NextMarker>"
                                             + more + "</NextMarker></EnumerationResults>").encode())
                data = BLOBS.get(parts[1])
                if data is None: return self.fail(404, "BlobNotFound")
                tag = f'"0x{len(parts[1])}"'
                if self.headers.get("If-Match", tag) != tag: return self.fail(412, "ConditionNotMet")
                self.answer(200, data, {"ETag": tag})

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
