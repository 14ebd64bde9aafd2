import Foundation
import Logging
import ModelManifests
import TestSupport
import Testing

@testable import TrafficProxy

@Suite struct KeptUsersFolderTests {
    private static let (one, two) = (DeploymentKey(name: "one"), DeploymentKey(namespace: "../..", name: "two"))

    private static func users() -> KeptUsers {
        var users = KeptUsers([Revision(rawValue: "a"), Revision(rawValue: "b")], weights: [60, 40], capacity: 1000)
        for hash in 0..<500 { _ = users.revision(of: UInt64(hash) &* 0x9e37_79b9_7f4a_7c15, remembers: true) }
        return users
    }

    private func withFolder(_ body: (KeptUsersFolder) throws -> Void) throws {
        let directory = NSTemporaryDirectory() + "mlctl-kept-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        try body(KeptUsersFolder(path: directory + "/kept-users", limits: ProxyLimits(), logger: logger))
    }

    @Test("users are read as they were written, per deployment, and only the proxy's user can read them")
    func roundTrip() throws {
        try withFolder { folder in
            folder.save([Self.one: Self.users(), Self.two: Self.users()])
            let read = folder.load([Self.one, Self.two, DeploymentKey(name: "three")])
            #expect(read.count == 2)
            #expect(read[Self.one]?.generations == Self.users().generations)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(names.count == 2)
            for name in names {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
            folder.keepOnly([Self.two])
            #expect(folder.load([Self.one, Self.two]).keys.map(\.name) == ["two"])
        }
    }

    @Test("sixteen full filters of random bits can be read again")
    func largest() throws {
        var random = SeededRandom(seed: 2)
        let capacity = ProxyLimits().keptUsersPerGeneration
        let words = (0..<BloomFilter.wordCount(capacity: capacity)).map { _ in random.next() }
        let users = try #require(BloomFilter(capacity: capacity, count: capacity, words: words))
        let revisions = (0..<16).map { Revision(rawValue: String(repeating: "r", count: 60) + "\($0)") }
        let weights = [85] + Array(repeating: 1, count: 15)
        let generation = KeptUsers.Generation(revisions: revisions, weights: weights, users: users)
        let kept = try #require(KeptUsers(Array(repeating: generation, count: KeptUsers.generationsMax)))
        try withFolder { folder in
            folder.save([Self.one: kept])
            #expect(folder.load([Self.one])[Self.one]?.generations == kept.generations)
        }
    }

    @Test("a file that is damaged, too large or of another deployment is treated as missing")
    func damaged() throws {
        try withFolder { folder in
            folder.save([Self.one: Self.users()])
            let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder.path).first)
            let path = "\(folder.path)/\(name)"
            let good = try String(contentsOfFile: path, encoding: .utf8)
            let broken = [
                String(good.dropLast(20)), "", "[]",
                good.replacingOccurrences(of: "\"weights\":[60", with: "\"weights\":[61"),
                good.replacingOccurrences(of: "\"capacity\":1000", with: "\"capacity\":9000"),
                good.replacingOccurrences(of: "\"version\":1", with: "\"version\":2"),
                good.replacingOccurrences(of: "\"filter\":\"", with: "\"filter\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
                good.replacingOccurrences(of: "\"name\":\"one\"", with: "\"name\":\"two\""),
                String(repeating: " ", count: 30_000_000),
            ]
            for text in broken {
                #expect(text != good)
                try text.write(toFile: path, atomically: true, encoding: .utf8)
                #expect(folder.load([Self.one]).isEmpty, "\(text.prefix(200))")
            }
            try good.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(folder.load([Self.one]).count == 1)
        }
    }
}
