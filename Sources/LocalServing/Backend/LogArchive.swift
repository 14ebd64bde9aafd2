import Foundation
import Glibc
import ModelManifests
import Serving

/// Logs of removed instances: `logs/<namespace>/<name>/<revision>/<instance>/`.
struct LogArchive: Sendable {
    static let longDays = 14
    static let shortDays = 1
    static let maximumBytes = 2 << 30
    static let maximumFailedRequests = 20

    let state: StateFolder

    private struct Note: Codable {
        var until: Date
    }

    /// Moves the logs of an instance into this folder.
    func keep(_ spec: InstanceSpec, keepsLogs: Bool, failedRequestIds: [String], now: Date) throws {
        let parent = "\(state.keptLogs(spec.deployment))/\(spec.revision)"
        let target = "\(parent)/\(spec.id)"
        let folder = state.instance(spec.id)
        try StateFile.makeFolder(parent)
        unlink(folder.logPipe)
        if rename(folder.logs, target) != 0, errno != ENOENT, errno != EEXIST, errno != ENOTEMPTY {
            throw LocalServingError(
                .stateUnreadable, "\(target) cannot be created: \(SystemError.last). Check the folder.",
                retry: .transient)
        }
        guard access(target, F_OK) == 0 else { return }
        if keepsLogs {
            let ids = failedRequestIds.suffix(Self.maximumFailedRequests).map { $0 + "\n" }.joined()
            try StateFile.write(bytes: Array(ids.utf8), to: "\(target)/failed-requests.txt")
        }
        let days = keepsLogs ? Self.longDays : Self.shortDays
        try StateFile.write(Note(until: now.addingTimeInterval(Double(days) * 86_400)), to: "\(target)/kept.json")
    }

    /// Deletes logs whose time is over. Then deletes the oldest of the rest while they exceed `maximumBytes`.
    func sweep(now: Date, maximumBytes: Int = LogArchive.maximumBytes) {
        var rest: [(path: String, until: Date, bytes: Int)] = []
        for path in folders() {
            let note = try? StateFile.read(Note.self, from: "\(path)/kept.json")
            let until = note?.until ?? now.addingTimeInterval(Double(Self.shortDays) * 86_400)
            if note != nil, until < now { remove(path) } else { rest.append((path, until, size(of: path))) }
        }
        var total = rest.reduce(0) { $0 + $1.bytes }
        for item in rest.sorted(by: { $0.until < $1.until }) where total > maximumBytes {
            remove(item.path)
            total -= item.bytes
        }
    }

    private func folders() -> [String] {
        var level = [state.logs]
        for _ in ["namespace", "name", "revision", "instance"] {
            level = level.flatMap { parent in StateFile.names(in: parent).map { "\(parent)/\($0)" } }
        }
        return level
    }

    private func size(of folder: String) -> Int {
        StateFile.names(in: folder).reduce(0) { total, name in
            var about = stat()
            return stat("\(folder)/\(name)", &about) == 0 ? total + Int(about.st_size) : total
        }
    }

    private func remove(_ folder: String) {
        try? FileManager.default.removeItem(atPath: folder)
        // Remove parent folders that are now empty. `rmdir` fails for the others, which is fine.
        var parent = folder
        for _ in 0..<3 {
            guard let slash = parent.lastIndex(of: "/") else { return }
            parent = String(parent[..<slash])
            rmdir(parent)
        }
    }
}

/// Reads the last lines of instances' logs.
struct LogReader: Sendable {
    static let maximumInstances = 32
    static let maximumTailBytes = 4 << 20

    let state: StateFolder

    /// Reads running instances, or removed ones if none runs. Returns the last `lines` of each instance, oldest first.
    func tail(of deployment: DeploymentKey, revision: Revision?, lines: Int, current: [InstanceSpec]) -> [LogLine] {
        var sources = current.filter { revision == nil || $0.revision == revision }.sorted { $0.number < $1.number }
            .map { (revision: $0.revision, id: $0.id, log: state.instance($0.id).serverLog) }
        if sources.isEmpty {
            let folder = state.keptLogs(deployment)
            sources = StateFile.names(in: folder).filter { revision == nil || $0 == revision?.rawValue }.flatMap {
                name in
                StateFile.names(in: "\(folder)/\(name)").map { id in
                    (revision: Revision(rawValue: name), id: id, log: "\(folder)/\(name)/\(id)/server.log")
                }
            }
        }
        return sources.suffix(Self.maximumInstances).flatMap { source in
            lastLines(lines, of: source.log).map {
                LogLine(revision: source.revision, instance: source.id, text: $0)
            }
        }
    }

    private func lastLines(_ count: Int, of log: String) -> [String] {
        var found: [String] = []
        for index in 0..<ServerLog.maximumFiles where found.count < count {
            guard let tail = tailBytes(of: ServerLog.file(log, index)) else { break }
            let lines = tail.split(separator: 10).map { String(decoding: $0, as: UTF8.self) }
            found = lines.suffix(count - found.count) + found
        }
        return found
    }

    private func tailBytes(of file: String) -> [UInt8]? {
        let raw = open(file, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return nil }
        defer { close(raw) }
        let size = Int(lseek(raw, 0, SEEK_END))
        let start = max(size - Self.maximumTailBytes, 0)
        var bytes = [UInt8](repeating: 0, count: size - start)
        let count = pread(raw, &bytes, bytes.count, off_t(start))
        return count >= 0 ? Array(bytes[0..<count]) : nil
    }
}
