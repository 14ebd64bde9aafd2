import Foundation
import TestSupport
import Testing
import Transport

@testable import KubernetesClient

@Suite("Token files")
struct RotatedFileTests {
    @Test("a token file is read again after a minute, and its last good contents stay in use when it is gone")
    func rotation() async throws {
        let folder = try Folder()
        let clock = ManualClock()
        let path = try folder.write("token", "one\n")
        let source = StaticCredentials(tokenFile: RotatedFile(path: path), stopwatch: ClientClock(clock))
        #expect(try source.current().token == "one")
        try folder.write("token", "two\n")
        clock.advance(by: .seconds(59))
        #expect(try source.current().token == "one")
        clock.advance(by: .seconds(1))
        #expect(try source.current().token == "two")
        try FileManager.default.removeItem(atPath: path)
        clock.advance(by: .seconds(60))
        #expect(try source.current().token == "two")
    }

    @Test("after a refusal the file is read at once; the same token again counts as unchanged")
    func refused() throws {
        let folder = try Folder()
        let path = try folder.write("token", "one")
        let source = StaticCredentials(tokenFile: RotatedFile(path: path), stopwatch: ClientClock(ManualClock()))
        let first = try source.current()
        #expect(!source.refused(first))
        try folder.write("token", "two")
        #expect(source.refused(first))
        #expect(try source.current().token == "two")
    }

    @Test("a file that never existed is an error, unless there is an inline token")
    func missing() throws {
        let file = RotatedFile(path: "/nowhere/token")
        let error = #expect(throws: APIError.self) { try StaticCredentials(tokenFile: file).current() }
        #expect(message(of: error).contains("/nowhere/token cannot be read"))
        #expect(try StaticCredentials(token: "t", tokenFile: file).current().token == "t")
    }

    @Test("a credential describes its kind and never its secret")
    func description() {
        let credential = Credential(token: "s3cret")
        #expect("\(credential)" == "a token")
    }
}
