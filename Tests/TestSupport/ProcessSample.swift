import Foundation
import Synchronization

/// Samples the command lines and environments of this process's descendants, for a test that something never appears in them.
package final class ProcessSample: Sendable {
    private let found = Mutex<(processes: Set<String>, text: Set<String>)>(([], []))
    private let isOver = Mutex(false)
    private let root = getpid()

    package init() {}

    /// Samples on a thread of its own while the body runs.
    ///
    /// - Returns: everything that was seen, as text, and the number of processes.
    package func during(_ body: () async throws -> Void) async throws -> (text: String, processes: Int) {
        let thread = Thread { [self] in
            while !isOver.withLock({ $0 }) {
                look()
                usleep(2000)
            }
        }
        thread.start()
        do { try await body() } catch {
            isOver.withLock { $0 = true }
            throw error
        }
        isOver.withLock { $0 = true }
        return found.withLock { ($0.text.sorted().joined(separator: "\n"), $0.processes.count) }
    }

    private func look() {
        var parents: [Int32: Int32] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name), let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let end = status.lastIndex(of: ")")
            else { continue }
            let fields = status[end...].split(separator: " ")
            if fields.count > 2 { parents[pid] = Int32(fields[2]) }
        }
        for pid in parents.keys where pid != root {
            var next = parents[pid]
            var steps = 0
            while let parent = next, parent > 1, parent != root, steps < 20 {
                next = parents[parent]
                steps += 1
            }
            guard next == root else { continue }
            for file in ["cmdline", "environ"] {
                guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/\(file)"), !bytes.isEmpty else {
                    continue
                }
                let text = String(decoding: bytes, as: UTF8.self).replacing("\0", with: " ")
                found.withLock {
                    $0.processes.insert("\(pid)")
                    $0.text.insert(text)
                }
            }
        }
    }
}
