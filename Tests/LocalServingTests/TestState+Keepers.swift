import Foundation
import Glibc
import Testing

@testable import LocalServing

extension TestState {
    /// Runs a keeper while `body` runs, then asks it to stop.
    func keeping<Value: Sendable>(
        _ folder: InstanceFolder, _ body: () async throws -> Value
    ) async throws -> (value: Value, exitCode: Int32) {
        async let exitCode = keeper(folder.id).run()
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        try folder.requestStop()
        let code = try await exitCode
        return (try outcome.get(), code)
    }

    /// A server without a keeper, as if the keeper had been killed.
    func orphan(_ folder: InstanceFolder) async throws -> InstanceStatus {
        try StateFile.makeFolder(folder.logs)
        try StateFile.makeFolder(folder.work)
        mkfifo(folder.logPipe, 0o600)
        var random = SystemRandomNumberGenerator()
        let port = try PortClaim.claim(using: &random).port
        var environment = InstanceSpec.inherited(from: ProcessInfo.processInfo.environment)
        environment["PORT"] = "\(port)"
        environment[ProcessMark.variable] = try state.mark(ofServer: folder.id)
        // A shell starts it and exits, so that it is not a child of this process.
        let shell = try DetachedProcess.spawn(
            program: "/bin/sh", arguments: ["sh", "-c", "\"$@\" &", "sh", "python3", "-u", "-c", Script.http],
            environment: environment.map { "\($0.key)=\($0.value)" }, workingFolder: folder.work,
            output: .pipe(folder.logPipe))
        try await eventually("the orphan answers") { await get(port: port) }
        var ended: Int32 = 0
        waitpid(shell, &ended, 0)
        let mark = ProcessMark(try state.mark(ofServer: folder.id))
        let identity = try #require(mark.tree().map(ProcessIdentity.init).first)
        let status = InstanceStatus(
            phase: .ready, server: identity, port: port, ports: ["http": port],
            readySince: Date(timeIntervalSince1970: 0),
            isWarm: true)
        try StateFile.write(status, to: folder.status)
        return status
    }
}
