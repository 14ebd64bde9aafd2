import Foundation
import TestSupport

/// A server that models Cloud Storage with one private bucket, and a token server that verifies the signature of a service account
/// with openssl. It lists one object a page.
final class ScriptedGoogle {
    static let email = "reader@example.com"

    let port: Int
    private let folder: URL
    private let process: ChildProcess

    init(_ folder: URL) throws {
        self.folder = folder
        let place = folder.path
        try ChildProcess.run([
            "openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
            "\(place)/key.pem",
        ])
        try ChildProcess.run(["openssl", "pkey", "-in", "\(place)/key.pem", "-pubout", "-out", "\(place)/public.pem"])
        process = try ChildProcess(["python3", "-c", Self.program, place, Self.email])
        port = try process.readLine().flatMap { Int($0) } ?? 0
    }

    /// - Returns: the path of a file with the credentials of a service account.
    func account(email: String = email) throws -> String {
        let key = try String(contentsOf: folder.appending(path: "key.pem"), encoding: .utf8)
        let fields = [
            "type": "service_account", "client_email": email, "private_key": key, "private_key_id": "k1",
            "token_uri": "http://127.0.0.1:\(port)/token",
        ]
        let file = folder.appending(path: "\(email).json")
        try JSONSerialization.data(withJSONObject: fields).write(to: file)
        return file.path
    }

    /// A line for each request: its path and what was found about it.
    func requests() -> [String] {
        ((try? String(contentsOf: folder.appending(path: "google.log"), encoding: .utf8)) ?? "").split(separator: "\n")
            .map(String.init)
    }

    private static let program = #"""
        import base64, http.server, json, os, subprocess, sys, threading, urllib.parse
        folder, email = sys.argv[1], sys.argv[2]
        OBJECTS = [("m/a.bin", b"one", 11), ("m/b.bin", b"two", 22)]

        def decoded(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        def verified(assertion):
            header, claims, signature = assertion.split(".")
            with open(f"{folder}/signature", "wb") as file: file.write(decoded(signature))
            with open(f"{folder}/signed", "wb") as file: file.write(f"{header}.{claims}".encode())
            result = subprocess.run(["openssl", "dgst", "-sha256", "-verify", f"{folder}/public.pem", "-signature",
                                     f"{folder}/signature", f"{folder}/signed"], capture_output=True)
            said = json.loads(decoded(claims))
            return (result.returncode == 0 and json.loads(decoded(header))["alg"] == "RS256" and said["iss"] == email
                    and 0 < said["exp"] - said["iat"] <= 3600 and said["aud"].endswith("/token") and "devstorage" in said["scope"])

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def log_message(self, *arguments): pass
            def answer(self, status, body, note=""):
                with open(f"{folder}/google.log", "a") as log: print(self.path, note, file=log)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                good = form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and verified(form["assertion"][0])
                if not good: return self.answer(400, {"error": "invalid_grant"}, "refused")
                self.answer(200, {"access_token": "t0k3n", "expires_in": 3600}, "verified")
            def do_GET(self):
                if self.headers.get("Authorization") != "Bearer t0k3n":
                    return self.answer(401, {"error": {"code": 401, "message": "Anonymous caller"}})
                place = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(place.query)
                if place.path == "/storage/v1/b/private/o":
                    found = [item for item in OBJECTS if item[0].startswith(query["prefix"][0])]
                    start = int(query.get("pageToken", ["0"])[0])
                    items = [{"name": name, "size": str(len(data)), "generation": str(generation)}
                             for name, data, generation in found[start:start + 1]]
                    answer = {"items": items} if items else {}
                    if start + 1 < len(found): answer["nextPageToken"] = str(start + 1)
                    return self.answer(200, answer)
                name = urllib.parse.unquote(place.path.removeprefix("/download/storage/v1/b/private/o/"))
                for known, data, generation in OBJECTS:
                    if known == name and query["generation"] == [str(generation)]: return self.answer(200, data)
                self.answer(404, {"error": {"code": 404, "message": "No such object"}})

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
