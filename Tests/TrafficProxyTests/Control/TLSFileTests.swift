import Foundation
import Testing

@testable import TrafficProxy

@Suite("Files of endpoint.tls")
struct TLSFileTests {
    private func problem(_ mode: UInt32, owner: UInt32 = 7, isRegular: Bool = true, isSecret: Bool = true) -> String? {
        TLSFile.problem(
            TLSFile.Facts(isRegular: isRegular, owner: owner, mode: mode), path: "/f", isSecret: isSecret, user: 7)?
            .description
    }

    @Test("a key is for its user only, and a certificate may be read by all")
    func modes() {
        #expect(problem(0o600) == nil)
        #expect(problem(0o400, owner: 0) == nil)
        #expect(problem(0o640) == "others may read the key /f (mode 0640): chmod 600 /f")
        #expect(problem(0o604) != nil)
        #expect(problem(0o644, isSecret: false) == nil)
        #expect(problem(0o664, isSecret: false) == "others may write to /f (mode 0664): chmod go-w /f")
    }

    @Test("a file of another user, or what is no file, is refused")
    func owners() {
        #expect(problem(0o600, owner: 8)?.contains("belongs to user 8") == true)
        #expect(problem(0o600, isRegular: false) == "/f is not a regular file")
    }

    @Test("an opened file is checked and read whole, and a pipe does not block")
    func reading() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "mlctl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "key").path(percentEncoded: false)
        try Data("text".utf8).write(to: URL(filePath: file))
        chmod(file, 0o600)
        #expect(try TLSFile.read(file, isSecret: true) == Array("text".utf8))
        chmod(file, 0o644)
        #expect(throws: TLSFile.Problem.self) { try TLSFile.read(file, isSecret: true) }
        #expect(try TLSFile.read(file, isSecret: false) == Array("text".utf8))
        let pipe = folder.appending(path: "pipe").path(percentEncoded: false)
        mkfifo(pipe, 0o600)
        #expect(throws: TLSFile.Problem.self) { try TLSFile.read(pipe, isSecret: true) }
        #expect(throws: TLSFile.Problem.self) { try TLSFile.read(file + "-none", isSecret: true) }
    }
}
