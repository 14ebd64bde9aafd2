import CLinuxProcess
import Foundation
import Glibc

/// Reports files that appear, are replaced or disappear in a set of folders (inotify).
///
/// One thread of its own sleeps in the kernel, so it costs nothing without events. The end of a flock shows too: the kernel
/// closes the lock file, which was open for writing, when its holder ends.
final class FolderWatch: Sendable {
    struct Change: Hashable, Sendable {
        /// The tag that was passed to `add`.
        var tag: String
        var file: String
    }

    /// Ends after `close`. If changes were lost because a buffer was full, a change with an empty tag arrives: check everything.
    let changes: AsyncStream<Change>

    private static let bufferedChanges = 4096
    private let descriptor: Descriptor
    private let wakeRead: Descriptor
    private let wakeWrite: Descriptor
    private let tags = LockedTags()

    init() throws {
        descriptor = Descriptor(try SystemError.check(clp_inotify_open()))
        var ends: [Int32] = [0, 0]
        try SystemError.check(clp_pipe(&ends))
        wakeRead = Descriptor(ends[0])
        wakeWrite = Descriptor(ends[1])
        let (stream, continuation) = AsyncStream.makeStream(
            of: Change.self, bufferingPolicy: .bufferingNewest(Self.bufferedChanges))
        changes = stream
        let reader = Reader(
            descriptor: descriptor, wake: wakeRead, tags: tags, continuation: continuation)
        let thread = Thread { reader.run() }
        thread.name = "mlctl-watch"
        thread.start()
    }

    func add(_ folder: String, tag: String) throws {
        let watch = try SystemError.check(clp_inotify_watch_folder(descriptor.raw, folder))
        tags.set(watch, tag)
    }

    func close() { _ = write(wakeWrite.raw, "x", 1) }

    /// Tags by the kernel's watch number. The kernel forgets the watch of a deleted folder by itself.
    private final class LockedTags: @unchecked Sendable {
        // Sendable: `byWatch` is only touched while `lock` is held.
        private let lock = NSLock()
        private var byWatch: [Int32: String] = [:]

        func set(_ watch: Int32, _ tag: String) { lock.withLock { byWatch[watch] = tag } }
        func tag(_ watch: Int32) -> String? { lock.withLock { byWatch[watch] } }
        func remove(_ watch: Int32) { lock.withLock { byWatch[watch] = nil } }
    }

    private struct Reader: Sendable {
        let descriptor: Descriptor
        let wake: Descriptor
        let tags: LockedTags
        let continuation: AsyncStream<Change>.Continuation

        func run() {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                var polled = [
                    pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: wake.raw, events: Int16(POLLIN), revents: 0),
                ]
                guard poll(&polled, 2, -1) >= 0 || errno == EINTR else { break }
                if polled[1].revents != 0 { break }
                let count = read(descriptor.raw, &buffer, buffer.count)
                guard count > 0 else { continue }
                buffer.withUnsafeBytes { report(UnsafeRawBufferPointer(rebasing: $0[0..<count])) }
            }
            continuation.finish()
        }

        /// `struct inotify_event` (inotify(7)): watch, mask, cookie, length, then the NUL-padded name.
        private func report(_ events: UnsafeRawBufferPointer) {
            var offset = 0
            while offset + 16 <= events.count {
                let watch = events.loadUnaligned(fromByteOffset: offset, as: Int32.self)
                let mask = events.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                let length = Int(events.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
                let name = events[(offset + 16)..<min(offset + 16 + length, events.count)].prefix { $0 != 0 }
                offset += 16 + length
                if mask & UInt32(IN_Q_OVERFLOW) != 0 {
                    yield(Change(tag: "", file: ""))
                } else if let tag = tags.tag(watch) {
                    yield(Change(tag: tag, file: String(decoding: name, as: UTF8.self)))
                }
                if mask & UInt32(IN_IGNORED) != 0 { tags.remove(watch) }
            }
        }

        private func yield(_ change: Change) {
            if case .dropped = continuation.yield(change) { continuation.yield(Change(tag: "", file: "")) }
        }
    }
}
