import Foundation

/// MLflow's own tracking server and registry, on SQLite, in its own process. `make deps-stores` installs it.
///
/// The server runs without MLflow's command line, so that one process is to end.
package final class MLflowTrackingServer {
    private static let venv = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: ".build/venv-mlflow").path(percentEncoded: false)

    package static let isAvailable = FileManager.default.fileExists(atPath: "\(venv)/bin/mlflow")

    package struct Failure: Error { package var reason: String }

    package let port: Int
    private let process: ChildProcess
    /// The value of `Authorization` that the server wants; empty if it wants none.
    private let authorization: String

    /// - Parameters:
    ///   - folder: holds the database and the artifacts.
    ///   - authorization: the value of `Authorization` that each request must have, as a proxy before the server checks it.
    package init(_ folder: URL, authorization: String = "") throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        process = try ChildProcess(
            [
                "\(Self.venv)/bin/python", "-W", "ignore", "-c", Self.program, folder.path(percentEncoded: false),
                authorization,
            ])
        self.authorization = authorization
        guard let line = try process.readLine(), let port = Int(line) else {
            throw Failure(reason: "MLflow did not start")
        }
        self.port = port
    }

    package var endpoint: String { "http://127.0.0.1:\(port)" }

    /// - Returns: the answer of MLflow's REST API.
    @discardableResult
    package func post(_ path: String, _ body: String) throws -> String {
        try ChildProcess.run(
            ["curl", "--silent", "--fail-with-body", "--header", "Content-Type: application/json"] + authorizing
                + ["--data", body, "\(endpoint)/api/2.0/mlflow/\(path)"])
    }

    package func upload(_ text: String, _ path: String) throws {
        try ChildProcess.run(
            ["curl", "--silent", "--fail-with-body", "--request", "PUT"] + authorizing
                + ["--data-binary", text, "\(endpoint)/api/2.0/mlflow-artifacts/artifacts/\(path)"])
    }

    /// - Returns: the id of a new run.
    package func newRun() throws -> String {
        let answer = try post("runs/create", #"{"experiment_id": "0"}"#)
        guard let match = answer.firstMatch(of: /"run_id": *"([0-9a-f]+)"/) else { throw Failure(reason: answer) }
        return String(match.1)
    }

    private var authorizing: [String] { authorization.isEmpty ? [] : ["--header", "Authorization: \(authorization)"] }

    package func stop() { process.stop() }

    private static let program = #"""
        import asyncio, os, socket, sys, threading, time
        folder, wanted = sys.argv[1], sys.argv[2]
        os.environ.update({
            "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/mlflow.db",
            "_MLFLOW_SERVER_REGISTRY_STORE": f"sqlite:///{folder}/mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": f"{folder}/artifacts",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        })
        sys.stderr = open(os.devnull, "w")
        import uvicorn
        from mlflow.server.fastapi_app import app

        async def guarded(scope, receive, send):
            said = dict(scope.get("headers", [])).get(b"authorization", b"").decode()
            if wanted and scope["type"] == "http" and said != wanted:
                await send({"type": "http.response.start", "status": 401, "headers": [(b"www-authenticate", b"Basic")]})
                return await send({"type": "http.response.body", "body": b"You are not authenticated."})
            await app(scope, receive, send)

        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(guarded, log_level="critical"))
        threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True).start()
        while not server.started: time.sleep(0.01)
        print(listener.getsockname()[1], flush=True)
        sys.stdin.read()
        os._exit(0)
        """#
}
