import Foundation

/// gRPC clients and servers that nobody here wrote: grpcio for Python. `make deps-grpc` installs it.
package enum GRPCPython {
    private static let house = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    /// A Python that has grpcio; nil if there is none. MLServer brings it, too.
    package static let executable: String? = ["venv-grpc", "venv-mlserver"].lazy.map { name in
        house.appending(path: ".build/\(name)")
    }.first { venv in
        let libraries = venv.appending(path: "lib")
        let pythons =
            (try? FileManager.default.contentsOfDirectory(atPath: libraries.path(percentEncoded: false))) ?? []
        return pythons.contains { python in
            FileManager.default.fileExists(
                atPath: libraries.appending(path: "\(python)/site-packages/grpc/__init__.py").path(
                    percentEncoded: false))
        }
    }?.appending(path: "bin/python").path(percentEncoded: false)

    package static let isAvailable = executable != nil
    package static let absence: String = "grpcio is not installed; 'make deps-grpc' does it"

    package static var serverPath: String { fixtures.appending(path: "grpc_server.py").path(percentEncoded: false) }

    /// The server of `grpc_server.py`, in a process of its own that ends with the test.
    package final class Server {
        package let port: Int
        private let process: ChildProcess

        /// - Parameter marks: a folder where it notes what happened to calls.
        package init(_ version: String, marks: URL? = nil, port: Int = 0) throws {
            var environment = ["MODEL_VERSION": version, "ENDS_WITH_INPUT": "1", "PORT": "\(port)"]
            environment["TEST_MARKS"] = marks?.path(percentEncoded: false)
            process = try ChildProcess(
                [GRPCPython.executable ?? "python3", GRPCPython.serverPath], environment: environment)
            guard let line = try process.readLine(), let port = Int(line) else {
                throw ChildProcess.Failure(description: "the gRPC server did not start")
            }
            self.port = port
        }

        package func stop() { process.stop() }
    }

    /// Starts `grpc_client.py`.
    package static func client(
        _ address: String, _ arguments: String..., environment: [String: String] = [:]
    ) throws -> ChildProcess {
        let path = fixtures.appending(path: "grpc_client.py").path(percentEncoded: false)
        return try ChildProcess([executable ?? "python3", path, address] + arguments, environment: environment)
    }

    /// Runs `grpc_client.py` to its end.
    /// - Parameter python: nil: `executable`.
    /// - Returns: what it printed.
    package static func call<Answer: Decodable>(
        _ address: String, _ arguments: String..., python: String? = nil, environment: [String: String] = [:],
        as type: Answer.Type
    ) async throws -> Answer {
        let path = fixtures.appending(path: "grpc_client.py").path(percentEncoded: false)
        let command = [python ?? executable ?? "python3", path, address] + arguments
        let output = try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try ChildProcess.run(command, environment: environment) })
            }
        }
        let line = output.split(separator: "\n").last.map(String.init) ?? ""
        do { return try JSONDecoder().decode(Answer.self, from: Data(line.utf8)) } catch {
            throw ChildProcess.Failure(description: "the gRPC client said: \(output)")
        }
    }
}

extension GRPCPython {
    /// How one call ended, as the client saw it.
    package struct Answer: Decodable, Sendable {
        /// The name of its status: `OK`.
        package var status: String
        package var details: String?
        package var answer: String
        package var initial: [String: String]
        package var trailing: [String: String]

        /// The revision that the proxy names.
        package var revision: String? { initial["x-mlctl-revision"] ?? trailing["x-mlctl-revision"] }
    }
}
