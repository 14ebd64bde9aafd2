import Foundation
import Glibc

/// The process that listens on a TCP port of this machine, for messages about a port in use.
package struct PortHolder: Hashable, Sendable {
    package var pid: Int32
    /// Its arguments, as far as they can be read.
    package var arguments: [String]
    /// The instance whose keeper is an ancestor of the process. Nil if it is not a model server of mlctl.
    package var instance: String?

    private static let mostAncestors = 64
    private static let mostBytes = 4096

    /// Nil if nothing listens there, or if the listener belongs to another user and cannot be inspected.
    package static func of(port: Int) -> PortHolder? {
        let inodes = ListenTable.listeningInodes(port: port)
        guard !inodes.isEmpty else { return nil }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for pid in names.compactMap({ Int32($0) }).sorted() where ListenTable.holdsSocket(pid, inodes) {
            return PortHolder(pid: pid, arguments: arguments(of: pid), instance: instance(above: pid))
        }
        return nil
    }

    /// Whether anything listens there, of whatever user.
    package static func isTaken(port: Int) -> Bool { !ListenTable.listeningInodes(port: port).isEmpty }

    /// Whether it is an `mlctl run`, that is, a controller that uses its port rightfully.
    package var isController: Bool { isMlctl && arguments.dropFirst().first == "run" }

    private var isMlctl: Bool { arguments.first.map { $0 == "mlctl" || $0.hasSuffix("/mlctl") } ?? false }

    /// Which process it is, and what to do about it.
    package var words: String {
        if isController { return "another controller (process \(pid))" }
        if isMlctl, arguments.dropFirst().first == "proxy" {
            return
                "mlctl's own proxy (process \(pid)): a deployment has this port as its endpoint; give the deployment another port"
        }
        if let instance {
            return
                "a model server, instance \(instance) (process \(pid)): change its command so that it listens on $PORT"
        }
        return "process \(pid) (\(arguments.first ?? "unknown")): end it, or choose another port"
    }

    private static func arguments(of pid: Int32) -> [String] {
        guard let bytes = readSmallFile("/proc/\(pid)/cmdline", limit: mostBytes) else { return [] }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func instance(above pid: Int32) -> String? {
        var pid = pid
        for _ in 0..<mostAncestors {
            guard let parent = parent(of: pid), parent > 1 else { return nil }
            let words = arguments(of: parent)
            if words.dropFirst().first == "keeper", let flag = words.firstIndex(of: "--instance"),
                flag + 1 < words.count
            {
                return words[flag + 1]
            }
            pid = parent
        }
        return nil
    }

    /// Field 4 of `/proc/PID/stat`, after the name in brackets.
    private static func parent(of pid: Int32) -> Int32? {
        guard let bytes = readSmallFile("/proc/\(pid)/stat", limit: mostBytes),
            let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = bytes[bytes.index(after: bracket)...].split(separator: UInt8(ascii: " "))
        return fields.count > 1 ? Int32(String(decoding: fields[1], as: UTF8.self)) : nil
    }
}
