import Foundation
import Glibc
import TestSupport
import Testing

@testable import Commands

/// A controller that cannot keep anything says why, and what to do.
@Suite("A state folder that takes no files")
struct StateFolderFaultTests {
    private static let made = FileManager.default.temporaryDirectory.path(percentEncoded: false)

    @Test(
        "is explained by what the system says of it",
        arguments: [
            (EROFS, "its file system is mounted read-only. Mount it writable again"),
            (ENOSPC, "its disk is full. Free some space"), (EDQUOT, "user 7 has used up the quota of its disk."),
            (EACCES, "user 7 may not write there. chown 7 "), (EPERM, "user 7 may not write there."),
            (EIO, "Input/output error. Check that disk"),
        ])
    func causes(number: Int32, text: String) throws {
        let fault = try #require(StateFolderFault.find(Self.made, user: 7) { _, _ in number })
        #expect(fault.description.contains(text), "\(fault)")
        #expect(fault.description.hasPrefix("the controller cannot keep anything in its state folder \(Self.made)"))
        #expect(fault.description.hasSuffix("or give another --state-dir. What serves now goes on serving"))
    }

    @Test("is none where it takes files, and nothing is left of the trial")
    func sound() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        #expect(StateFolderFault.find(path) == nil)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }

    @Test("that is still to be made is one if its nearest parent takes files, and a file in its place is named")
    func missing() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        var tried: [String] = []
        _ = StateFolderFault.find("\(path)/a/b/") { folder, _ in
            tried.append(folder)
            return 0
        }
        #expect(tried == [path])
        try Data().write(to: folder.appending(path: "file"))
        #expect(StateFolderFault.find("\(path)/file/state")?.cause == .noFolder("\(path)/file"))
        #expect(
            StateFolderFault.find("\(path)/file")?.description.contains("/file is no folder. Move that aside") == true)
    }

    private static let canMount = geteuid() == 0 && (try? ChildProcess.run(["unshare", "-m", "true"])) != nil

    @Test("really is full, or read-only", .enabled(if: canMount), arguments: [("size=32k", ENOSPC), ("ro", EROFS)])
    func mounted(options: String, number: Int32) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fault-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.path(percentEncoded: false)
        let isReadOnly = options == "ro"
        try #require(mount("tmpfs", path, "tmpfs", isReadOnly ? UInt(MS_RDONLY) : 0, isReadOnly ? nil : options) == 0)
        defer { umount(path) }
        #expect(StateFolderFault.tryToWrite(path, StateFolderFault.trialBytes) == number)
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).isEmpty)
    }
}
