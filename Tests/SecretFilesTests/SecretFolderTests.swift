import Foundation
import Testing

@testable import SecretFiles

final class SecretFolderTests {
    private let root = FileManager.default.temporaryDirectory.appending(path: "secrets-\(UUID().uuidString)")
    private var folder: SecretFolder { SecretFolder(path: root.appending(path: "secrets").path) }

    init() throws {
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: root) }

    private func write(_ text: String, to name: String) throws {
        try text.write(to: root.appending(path: name), atomically: false, encoding: .utf8)
    }

    @Test("are one file each, read without the final newline; links are followed")
    func value() throws {
        try write("a b\nc\n", to: "secrets/token")
        #expect(try folder.value(of: "token") == "a b\nc")
        try write("x\r\n", to: "secrets/windows")
        #expect(try folder.value(of: "windows") == "x\r")
        try write("elsewhere", to: "mounted")
        symlink(root.appending(path: "mounted").path, "\(folder.path)/link")
        #expect(try folder.value(of: "link") == "elsewhere")
    }

    @Test(
        "are read from their folder only",
        arguments: ["../x", "/etc/hostname", ".hidden", "", "a b", "a\0b", "a/b", "é"])
    func names(name: String) throws {
        try write("x", to: "x")
        let fault = #expect(throws: SecretFolder.Missing.self) { try folder.value(of: name) }
        #expect(fault?.message.contains("cannot be a file's name") == true && fault?.isHopeless == true)
    }

    @Test("that are missing, too large, a folder, a pipe or hold a NUL byte are refused at once")
    func refused() throws {
        try write("a\0b", to: "secrets/nul")
        try write(String(repeating: "x", count: SecretFolder.bytesLimit + 1), to: "secrets/large")
        try FileManager.default.createDirectory(atPath: "\(folder.path)/folder", withIntermediateDirectories: false)
        mkfifo("\(folder.path)/pipe", 0o600)
        for name in ["missing", "folder", "pipe", "nul", "large"] {
            #expect(throws: SecretFolder.Missing.self, "\(name)") { try folder.value(of: name) }
        }
    }

    @Test("of a project are those that its policy names, and never those of another project's folder")
    func allowed() throws {
        try write("1", to: "secrets/payments-db")
        try write("2", to: "secrets/other")
        let project = SecretFolder(path: folder.path, allowed: ["payments-db", "absent"])
        #expect(try project.value(of: "payments-db") == "1")
        let fault = #expect(throws: SecretFolder.Missing.self) { try project.value(of: "other") }
        #expect(fault?.message.contains("policy") == true)
        #expect(throws: SecretFolder.Missing.self) {
            try SecretFolder(path: folder.path, allowed: []).value(of: "other")
        }
        #expect(throws: SecretFolder.Missing.self) { try project.value(of: "absent") }
    }
}
