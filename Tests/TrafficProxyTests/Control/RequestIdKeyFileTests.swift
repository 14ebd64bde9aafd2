import Foundation
import Logging
import Serving
import Testing

@testable import TrafficProxy

@Suite struct RequestIdKeyFileTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test("the key is created once, is private, and a damaged one is set aside")
    func kept() throws {
        let directory = NSTemporaryDirectory() + "mlctl-key-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let file = RequestIdKeyFile(path: directory + "/" + RequestIdentityKey.fileName)
        let key = file.loadOrMake(logger: logger)
        #expect(file.loadOrMake(logger: logger) == key)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
        #expect(RequestIdentityKey(Array(bytes)) == key)
        let attributes = try FileManager.default.attributesOfItem(atPath: file.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        for broken in [Data(), Data(repeating: 1, count: 15), Data(repeating: 1, count: 17)] {
            try broken.write(to: URL(fileURLWithPath: file.path))
            let new = file.loadOrMake(logger: logger)
            #expect(new != key)
            #expect(file.loadOrMake(logger: logger) == new)
            #expect(try Data(contentsOf: URL(fileURLWithPath: file.path + ".broken")) == broken)
        }
    }

    @Test("if no key can be saved, the proxy still has one")
    func unwritable() {
        let file = RequestIdKeyFile(path: "/proc/nowhere/request-id-key")
        #expect(file.loadOrMake(logger: logger) != file.loadOrMake(logger: logger))
    }
}
