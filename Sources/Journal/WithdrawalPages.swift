import Foundation
import Glibc
import ModelManifests
import Rollouts
import Synchronization

/// Decisions that took traffic away from a candidate while the journal could not be written, for example on a full
/// disk.
///
/// The file's space is allocated when it is created, so writing needs no free space. Two pages are written in turn: if
/// a crash interrupts one write, the other page stays valid. The journal stores the decision with the next record that
/// it can write.
final class WithdrawalPages: Sendable {
    struct Entry: Codable, Sendable {
        var namespace: String
        var name: String
        /// The version of the record in the journal that the decision was based on; nil if there was no record. Once
        /// the journal has another version, this entry is outdated.
        var expecting: Int?
        var state: Data
        var events: [RolloutEvent]

        var deployment: DeploymentKey { DeploymentKey(namespace: namespace, name: name) }
    }

    struct Page: Codable {
        var sequence: UInt64
        var entries: [Entry]
    }

    static let pageBytes = 128 << 10
    private static let headerBytes = 24
    private static let magic: UInt64 = 0x6d6c_6374_6c52_5031

    private struct State {
        var sequence: UInt64 = 0
        var entries: [DeploymentKey: Entry] = [:]
    }

    private let descriptor: Int32
    private let state: Mutex<State>

    /// - Returns: nil if the file cannot be created or has no space. Then nothing is kept aside.
    init?(path: String) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_DSYNC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard posix_fallocate(descriptor, 0, off_t(2 * Self.pageBytes)) == 0 else {
            Glibc.close(descriptor)
            return nil
        }
        let pages = [0, 1].compactMap { [descriptor] in Self.read(page: $0, of: descriptor) }
        let newest = pages.max { $0.sequence < $1.sequence }
        state = Mutex(
            State(
                sequence: newest?.sequence ?? 0,
                entries: Dictionary((newest?.entries ?? []).map { ($0.deployment, $0) }) { $1 }))
    }

    deinit { Glibc.close(descriptor) }

    /// The entry that was kept for a record, if the record still has this version.
    func entry(of deployment: DeploymentKey, at version: Int?) -> Entry? {
        state.withLock { $0.entries[deployment] }.flatMap { $0.expecting == version ? $0 : nil }
    }

    var deployments: [DeploymentKey] { state.withLock { Array($0.entries.keys) } }

    /// - Returns: false if there is no room, or the disk fails.
    @discardableResult
    func keep(_ entry: Entry) -> Bool { change { $0[entry.deployment] = entry } }

    /// Drops the entry, because the journal has the decision.
    func forget(_ deployment: DeploymentKey) {
        guard state.withLock({ $0.entries[deployment] != nil }) else { return }
        change { $0[deployment] = nil }
    }

    @discardableResult
    private func change(_ body: (inout [DeploymentKey: Entry]) -> Void) -> Bool {
        state.withLock { state in
            var entries = state.entries
            body(&entries)
            let page = Page(sequence: state.sequence + 1, entries: Array(entries.values))
            guard write(page) else { return false }
            state.sequence += 1
            state.entries = entries
            return true
        }
    }

    // MARK: - Bytes

    private func write(_ page: Page) -> Bool {
        guard let body = try? JSONEncoder().encode(page), body.count <= Self.pageBytes - Self.headerBytes else {
            return false
        }
        var bytes = Data()
        for number in [Self.magic, UInt64(body.count), Self.checksum(body)] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(body)
        let start = off_t(Int(page.sequence % 2) * Self.pageBytes)
        return bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, start) } == bytes.count
    }

    private static func read(page: Int, of descriptor: Int32) -> Page? {
        var bytes = [UInt8](repeating: 0, count: pageBytes)
        guard pread(descriptor, &bytes, pageBytes, off_t(page * pageBytes)) == pageBytes else { return nil }
        return Self.page(in: bytes)
    }

    /// - Returns: nil if the bytes are not a page, or were written only in part.
    static func page(in bytes: [UInt8]) -> Page? {
        guard bytes.count >= headerBytes else { return nil }
        func number(_ index: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[index * 8 + $1]) << UInt64($1 * 8) }
        }
        guard number(0) == magic, let count = Int(exactly: number(1)), count <= bytes.count - headerBytes else {
            return nil
        }
        let body = Data(bytes[headerBytes..<(headerBytes + count)])
        guard checksum(body) == number(2) else { return nil }
        return try? JSONDecoder().decode(Page.self, from: body)
    }

    /// FNV-1a, 64 bits. It only has to detect an incomplete write.
    private static func checksum(_ bytes: Data) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0100_0000_01b3 }
    }
}
