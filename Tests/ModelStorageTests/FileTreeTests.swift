import Foundation
import TestSupport
import Testing

@testable import ModelStorage

struct FileTreeTests {
    let fixture: StorageFixture

    init() throws { fixture = try StorageFixture() }

    private func tree(_ path: String, limits: StorageLimits = StorageLimits()) throws -> FileTree {
        try FileTree(
            scanning: fixture.folder.appending(path: path).path, limits: limits, cancellation: Cancellation())
    }

    private func digest(_ path: String) throws -> String {
        try tree(path).digest(cancellation: Cancellation()).description
    }

    @Test("a tree's digest follows the documented formula")
    func formula() throws {
        try fixture.write("{}", to: "m/config.json")
        let run = try fixture.write("#!/bin/sh\n", to: "m/bin/run")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: run.path)
        try FileManager.default.createSymbolicLink(
            atPath: fixture.folder.appending(path: "m/latest").path, withDestinationPath: "config.json")
        try FileManager.default.createDirectory(
            at: fixture.folder.appending(path: "m/empty"), withIntermediateDirectories: true)
        func hex(_ text: String) -> String { String(StorageFixture.digest(Data(text.utf8)).dropFirst(7)) }
        let text =
            "mlctl-tree-v1\nx 10 \(hex("#!/bin/sh\n")) bin/run\0f 2 \(hex("{}")) config.json\0"
            + "l 11 \(hex("config.json")) latest\0"
        #expect(try digest("m") == StorageFixture.digest(Data(text.utf8)))
    }

    @Test("a file's digest is that of its bytes, also through a link to it")
    func singleFile() throws {
        try fixture.write("model", to: "model.pkl")
        try FileManager.default.createSymbolicLink(
            atPath: fixture.folder.appending(path: "current").path, withDestinationPath: "model.pkl")
        #expect(try digest("model.pkl") == StorageFixture.digest(Data("model".utf8)))
        #expect(try digest("current") == StorageFixture.digest(Data("model".utf8)))
    }

    @Test("contents, names, places and the right to execute count; times do not")
    func whatCounts() throws {
        try fixture.write("1", to: "m/a")
        try fixture.write("2", to: "m/b")
        let before = try digest("m")
        let file = fixture.folder.appending(path: "m/a").path
        try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: file)
        #expect(try digest("m") == before)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        #expect(try digest("m") != before)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
        #expect(try digest("m") == before)
        try FileManager.default.moveItem(atPath: file, toPath: file + "2")
        #expect(try digest("m") != before)
    }

    @Test(
        "links that leave the tree, are dangling or are absolute are refused",
        arguments: ["../outside", "nowhere", "/etc/hostname", "sub/up/../../../outside", "loop"])
    func links(target: String) async throws {
        try fixture.write("x", to: "outside")
        try fixture.write("x", to: "m/sub/inside")
        let folder = fixture.folder.appending(path: "m").path
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/sub/up", withDestinationPath: "..")
        try FileManager.default.createSymbolicLink(atPath: "\(folder)/loop", withDestinationPath: target)
        let error = try await storageError { _ = try tree("m") }
        #expect(error?.code == .unusableTree)
    }

    @Test("pipes and names that are not UTF-8 are refused")
    func unusable() async throws {
        try fixture.write("x", to: "m/a")
        let pipe = fixture.folder.appending(path: "m/pipe").path
        #expect(mkfifo(pipe, 0o600) == 0)
        #expect(try await storageError { _ = try tree("m") }?.code == .unusableTree)
        #expect(unlink(pipe) == 0)
        let prefix = fixture.folder.appending(path: "m").path + "/"
        let name = Array(prefix.utf8CString.dropLast()) + [CChar(bitPattern: 0xFF), 0]
        let descriptor = open(name, O_CREAT | O_WRONLY, 0o600)
        try #require(descriptor >= 0)
        close(descriptor)
        #expect(try await storageError { _ = try tree("m") }?.code == .unusableTree)
    }

    @Test("files and bytes are bounded")
    func bounds() async throws {
        for index in 0..<5 { try fixture.write("12345", to: "m/\(index)") }
        var limits = StorageLimits()
        limits.maximumFiles = 4
        #expect(try await storageError { _ = try tree("m", limits: limits) }?.code == .tooLarge)
        limits = StorageLimits()
        limits.maximumModelBytes = 24
        #expect(try await storageError { _ = try tree("m", limits: limits) }?.code == .tooLarge)
    }

    @Test("a missing tree is reported, and a cancelled scan ends")
    func missing() async throws {
        #expect(try await storageError { _ = try tree("nowhere") }?.code == .notFound)
        try fixture.write("1", to: "m/a")
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(throws: CancellationError.self) {
            try FileTree(
                scanning: fixture.folder.appending(path: "m").path, limits: StorageLimits(), cancellation: cancellation)
        }
    }
}
