import ControlPorts
import Controller
import Foundation
import Logging
import ModelManifests
import Serving
import TestSupport

/// The memory of a controller with deployments that do not change, with a scripted backend.
enum IdleController {
    static let settlingTime: Duration = .seconds(20)

    static func measure(mlctl: URL) async throws -> [Figure] {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["idle-controller"]
        process.standardOutput = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard let kib = output.split(whereSeparator: \.isWhitespace).last.flatMap({ Double($0) })
        else { throw BenchmarkError("the controller said: \(output)") }
        return [
            Figure(
                what: "controller memory with 1,000 idle deployments (scripted backend)", goal: "under 80 MiB",
                measured: "\(text(kib / 1024, 1)) MiB", isMet: kib / 1024 < 80)
        ]
    }

    /// Prints the process's resident memory in KiB, after all deployments are healthy and were observed again.
    static func run(deployments: Int) async throws {
        let files = (0..<deployments).map { number in
            ("m\(number).yaml", ManifestFile(blob: "\(number)", text: manifest(number)))
        }
        let source = ScriptedSource(
            ManifestSnapshot(commit: String(repeating: "a", count: 40), files: Dictionary(uniqueKeysWithValues: files)))
        let controller = Controller(
            configuration: ControllerConfiguration(),
            with: ControllerCollaborators(
                source: source, backend: ScriptedBackend(), store: InMemoryStateStore(), metrics: NoReadings(),
                logs: NoLogs(), now: { Date() }),
            logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await controller.run() }
            defer { group.cancelAll() }
            while await controller.status().deployments.count(where: { $0.phase == .healthy }) < deployments {
                try await Task.sleep(for: .milliseconds(200))
            }
            try await Task.sleep(for: settlingTime)
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }?.split(separator: " ")
            print("resident KiB: \(resident?[1] ?? "?")")
        }
    }

    static func manifest(_ number: Int) -> String {
        let digest = "sha256:\(String(repeating: "0", count: 64))"
        return TenThousandManifests.manifest(number, version: "1")
            .replacing("storageUri:", with: "digest: \"\(digest)\", storageUri:")
    }
}
