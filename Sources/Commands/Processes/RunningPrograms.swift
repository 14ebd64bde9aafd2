import Foundation
import Glibc
import Subprocess
import SystemPackage

/// The processes of mlctl on this machine that belong to a state folder, and the version of the program that each runs.
struct RunningPrograms {
    enum Role: String, CaseIterable, Comparable {
        case controller, proxy, keeper

        static func < (left: Role, right: Role) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    struct Program: Hashable {
        var role: Role
        var pid: Int32
        /// The file that it was started from: after an upgrade another one than the file at the same path.
        var file: FileIdentity
    }

    struct FileIdentity: Hashable {
        var device: UInt
        var inode: UInt
    }

    static let askLimit: Duration = .seconds(5)
    private static let most = 10_000
    private static let commandLineBytes = 1 << 16

    let state: URL

    /// In order of role and process id. Those of other users are left out.
    func list() -> [Program] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        var found: [Program] = []
        for pid in names.compactMap({ Int32($0) }).sorted().prefix(Self.most) {
            guard let role = role(of: pid), let file = Self.file(of: pid) else { continue }
            found.append(Program(role: role, pid: pid, file: file))
        }
        return found.sorted { ($0.role, $0.pid) < ($1.role, $1.pid) }
    }

    private func role(of pid: Int32) -> Role? {
        if ControllerRecord.read(in: state)?.pid == pid { return .controller }
        guard let file = FileHandle(forReadingAtPath: "/proc/\(pid)/cmdline") else { return nil }
        defer { try? file.close() }
        guard let bytes = try? file.read(upToCount: Self.commandLineBytes) else { return nil }
        return Self.role(of: bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }, state: state)
    }

    /// - Parameter words: the process's arguments, with the program's name.
    static func role(of words: [String], state: URL) -> Role? {
        guard words.count > 3, words[0] == "mlctl" || words[0].hasSuffix("/mlctl"),
            let index = words.firstIndex(of: "--state-dir"), index + 1 < words.count,
            URL(filePath: words[index + 1], directoryHint: .isDirectory).standardizedFileURL.path
                == state.standardizedFileURL.path
        else { return nil }
        return switch words[1] {
        case "proxy": .proxy
        case "keeper": .keeper
        default: nil
        }
    }

    static func file(of pid: Int32) -> FileIdentity? {
        var about = stat()
        guard stat("/proc/\(pid)/exe", &about) == 0 else { return nil }
        return FileIdentity(device: UInt(about.st_dev), inode: UInt(about.st_ino))
    }

    /// Asks the program of a process for its version, also if its file was replaced or deleted.
    ///
    /// - Returns: nil where it does not say.
    static func version(of pid: Int32) async -> String? {
        let output: String?? = try? await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                let result = try await Subprocess.run(
                    .path(FilePath("/proc/\(pid)/exe")), arguments: ["--version"], environment: .custom([:]),
                    output: .string(limit: 4096), error: .discarded)
                return result.terminationStatus.isSuccess ? result.standardOutput : nil
            }
            group.addTask {
                try await Task.sleep(for: askLimit)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        let text = (output ?? nil)?.trimmingCharacters(in: .whitespacesAndNewlines)
        return text?.isEmpty == false ? text : nil
    }
}
