import Foundation

/// Docker's registry, of Debian's package `docker-registry`, in its own process. `make deps-stores` installs it.
package final class DockerRegistry {
    package static let user = "ada"
    package static let password = "pa55word"
    /// The password by bcrypt, the only form that the registry reads.
    private static let hash = "$2b$04$SRsBaYT3gTWgfEpgkWyCBuA7taRmpjnc6YYVXWb.zyLsLAINQKNQ6"
    private static let program = "/usr/bin/docker-registry"

    package static let isAvailable = FileManager.default.fileExists(atPath: program)

    package struct Failure: Error { package var reason: String }

    package let port: Int
    private let process: ChildProcess

    /// - Parameters:
    ///   - folder: holds the registry's settings and blobs.
    ///   - wantsPassword: whether every request needs `user` and `password`.
    package init(_ folder: URL, wantsPassword: Bool = false) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let place = folder.path(percentEncoded: false)
        try "\(Self.user):\(Self.hash)\n".write(toFile: "\(place)/htpasswd", atomically: true, encoding: .utf8)
        // The registry does not say which port it got, so a free one is looked for.
        let free = try ChildProcess.run([
            "python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])",
        ])
        guard let port = Int(free) else { throw Failure(reason: "no free port: \(free)") }
        self.port = port
        let access = wantsPassword ? "auth: {htpasswd: {realm: test, path: \(place)/htpasswd}}\n" : ""
        let settings = """
            version: 0.1
            log: {level: error}
            storage: {filesystem: {rootdirectory: \(place)/data}, delete: {enabled: true}}
            http: {addr: "127.0.0.1:\(port)"}
            \(access)
            """
        try settings.write(toFile: "\(place)/config.yml", atomically: true, encoding: .utf8)
        process = try ChildProcess(
            [Self.program, "serve", "\(place)/config.yml"],
            environment: ["OTEL_TRACES_EXPORTER": "none"],
            output: .files(output: "\(place)/log", errors: "\(place)/log"))
        try ChildProcess.run([
            "curl", "--silent", "--retry", "100", "--retry-delay", "0", "--retry-connrefused", "--retry-max-time", "60",
            "--output", "/dev/null", "http://127.0.0.1:\(port)/v2/",
        ])
    }

    package var host: String { "127.0.0.1:\(port)" }

    /// Pushes an image whose layers are archives, given as Python literals: a list of layers, each a list of entries
    /// `(path, text)`; the text `None` makes a folder, and `("->", target)` a link.
    ///
    /// - Parameter platforms: with more than one, an index of images.
    /// - Returns: the digest that the tag has.
    @discardableResult
    package func pushImage(_ repository: String, layers: String, platforms: [String] = []) throws -> String {
        try ChildProcess.run(["python3", "-c", Self.pusher, host, repository, layers] + platforms)
    }

    private static let pusher = #"""
        import gzip, hashlib, io, json, sys, tarfile, urllib.request
        host, place, layers, platforms = sys.argv[1], sys.argv[2], eval(sys.argv[3]), sys.argv[4:]
        repository, tag = place.split(":")
        base = f"http://{host}/v2/{repository}"

        def call(method, url, data=None, **fields):
            request = urllib.request.Request(url, data=data, method=method, headers=fields)
            return urllib.request.urlopen(request)

        def put(data):
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            place = call("POST", f"{base}/blobs/uploads/", b"").headers["Location"]
            call("PUT", f"{place}&digest={digest}", data, **{"Content-Type": "application/octet-stream"})
            return {"digest": digest, "size": len(data)}

        def pack(entries, platform):
            file = io.BytesIO()
            with tarfile.open(fileobj=file, mode="w") as tar:
                for path, content in entries:
                    item = tarfile.TarInfo(path)
                    if content is None:
                        item.type, item.mode = tarfile.DIRTYPE, 0o755
                        tar.addfile(item)
                    elif isinstance(content, tuple):
                        item.type, item.linkname = (tarfile.LNKTYPE if content[0] == "=" else tarfile.SYMTYPE), content[1]
                        tar.addfile(item)
                    else:
                        data = content.replace("PLATFORM", platform).encode()
                        item.size = len(data)
                        tar.addfile(item, io.BytesIO(data))
            return gzip.compress(file.getvalue(), mtime=0)

        def image(platform, name):
            kind = "application/vnd.oci.image.layer.v1.tar+gzip"
            blobs = [dict(put(pack(entries, platform)), mediaType=kind) for entries in layers]
            os, architecture = (platform or "linux/amd64").split("/")
            config = put(json.dumps({"os": os, "architecture": architecture}).encode())
            kind = "application/vnd.oci.image.manifest.v1+json"
            return document({"schemaVersion": 2, "mediaType": kind, "layers": blobs,
                             "config": dict(config, mediaType="application/vnd.oci.image.config.v1+json")}, kind, name)

        def document(content, kind, name):
            data = json.dumps(content).encode()
            digest = "sha256:" + hashlib.sha256(data).hexdigest()
            call("PUT", f"{base}/manifests/{name or digest}", data, **{"Content-Type": kind})
            return {"mediaType": kind, "digest": digest, "size": len(data)}

        if platforms:
            manifests = []
            for platform in platforms:
                os, architecture = platform.split("/")
                manifests.append(dict(image(platform, None), platform={"os": os, "architecture": architecture}))
            kind = "application/vnd.oci.image.index.v1+json"
            print(document({"schemaVersion": 2, "mediaType": kind, "manifests": manifests}, kind, tag)["digest"])
        else:
            print(image("", tag)["digest"])
        """#
}
