import Foundation

/// An emulator of Google Cloud Storage from PyPI, in its own process. `make deps-stores` installs it.
package final class GoogleStorageEmulator {
    private static let venv = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build/venv-gcs").path(percentEncoded: false)

    package static let isAvailable = FileManager.default.fileExists(atPath: "\(venv)/bin/gcp-storage-emulator")

    package struct Failure: Error { package var reason: String }

    package let port: Int
    private let process: ChildProcess

    /// It has the empty bucket `models`.
    package init() throws {
        process = try ChildProcess(["\(Self.venv)/bin/python", "-c", Self.program])
        guard let line = try process.readLine(), let port = Int(line) else {
            throw Failure(reason: "the emulator did not start")
        }
        self.port = port
    }

    package func put(_ text: String, _ name: String) throws {
        try ChildProcess.run([
            "curl", "--silent", "--fail", "--request", "POST", "--header", "Content-Type: application/octet-stream",
            "--data-binary", text,
            "http://127.0.0.1:\(port)/upload/storage/v1/b/models/o?uploadType=media&name=\(name)",
        ])
    }

    private static let program = #"""
        import os, socket, sys
        from gcp_storage_emulator.server import create_server
        sys.stderr = open(os.devnull, "w")
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        output, sys.stdout = sys.stdout, open(os.devnull, "w")
        server = create_server("127.0.0.1", port, in_memory=True, default_bucket="models")
        server.start()
        print(port, file=output, flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
