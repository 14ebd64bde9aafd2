import Foundation
import ModelManifests
import Rollouts
import Testing

@testable import Journal

@Suite("The copy of the quarantines")
struct QuarantineFileTests {
    private static let deployment = DeploymentKey(namespace: "test", name: "model")
    private static let entry = Quarantine(
        revision: Revision(rawValue: "aaaaaaaaaa"), version: "1", reason: "errors", at: Date(timeIntervalSince1970: 0))

    @Test("is read back from its file, which only its owner may read")
    func roundTrip() throws {
        let folder = try TemporaryFolder()
        try QuarantineFile(path: folder.file("q.json")).note([Self.entry], of: Self.deployment)
        #expect(QuarantineFile(path: folder.file("q.json")).quarantine(of: Self.deployment) == [Self.entry])
        #expect(try folder.permissions(folder.file("q.json")) == 0o600)
    }

    @Test("a write that failed is tried again, also with the same entries")
    func writesAgain() throws {
        let folder = try TemporaryFolder()
        let missing = folder.file("missing")
        let file = QuarantineFile(path: "\(missing)/q.json")
        #expect(throws: (any Error).self) { try file.note([Self.entry], of: Self.deployment) }
        #expect(file.quarantine(of: Self.deployment) == [Self.entry])
        try FileManager.default.createDirectory(atPath: missing, withIntermediateDirectories: false)
        try file.note([Self.entry], of: Self.deployment)
        #expect(QuarantineFile(path: "\(missing)/q.json").quarantine(of: Self.deployment) == [Self.entry])
    }
}
