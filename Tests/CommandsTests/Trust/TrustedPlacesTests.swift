import ArgumentParser
import Foundation
import Glibc
import Testing

@testable import Commands

/// Uses temporary files on this machine's disk.
@Suite("Trusted places on disk") struct TrustedPlacesTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
            .appending(path: "mlctl-trust-\(UUID().uuidString)", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path(percentEncoded: false) }

    private func mode(_ name: String) -> UInt32? { TrustedPlaces.facts(of: path(name))?.mode }

    private func write(_ name: String, _ text: String, mode: mode_t) throws {
        try Data(text.utf8).write(to: folder.appending(path: name))
        chmod(path(name), mode)
    }

    @Test("a state folder is created for its owner alone, and one that others could only read is closed")
    func making() throws {
        try TrustedPlaces.checkState(folder.appending(path: "a/b"), making: true)
        #expect(mode("a/b") == 0o700)
        chmod(path("a/b"), 0o755)
        try TrustedPlaces.checkState(folder.appending(path: "a/b"))
        #expect(mode("a/b") == 0o755)
        try TrustedPlaces.checkState(folder.appending(path: "a/b"), making: true)
        #expect(mode("a/b") == 0o700)
    }

    @Test("a folder that others may write to is refused with advice, by every command, also behind a link")
    func open() throws {
        try FileManager.default.createDirectory(at: folder.appending(path: "s"), withIntermediateDirectories: true)
        chmod(path("s"), 0o777)
        symlink(path("s"), path("l"))
        for name in ["s", "l"] {
            for making in [true, false] {
                let refused = #expect(throws: ValidationError.self) {
                    try TrustedPlaces.checkState(folder.appending(path: name), making: making)
                }
                #expect(refused?.message.contains("chmod 700 \(path("s"))") == true)
            }
        }
        #expect(mode("s") == 0o777)
    }

    @Test("secrets that others could write are refused, those that others could read are closed")
    func secrets() throws {
        try FileManager.default.createDirectory(
            at: folder.appending(path: "s/secrets"), withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        try write("s/secrets/a", "x", mode: 0o644)
        chmod(path("s"), 0o700)
        try TrustedPlaces.checkState(folder.appending(path: "s"), making: true)
        #expect(mode("s/secrets/a") == 0o600)
        chmod(path("s/secrets/a"), 0o606)
        #expect(throws: ValidationError.self) {
            try TrustedPlaces.checkState(folder.appending(path: "s"), making: true)
        }
    }

    @Test("folders of projects are checked; modes are not changed through links, and hidden files are not secrets")
    func secretFolders() throws {
        try FileManager.default.createDirectory(
            at: folder.appending(path: "p/secrets/risk"), withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        chmod(path("p/secrets"), 0o700)
        chmod(path("p"), 0o700)
        try write("p/secrets/risk/db", "x", mode: 0o644)
        try write("outside", "x", mode: 0o644)
        try FileManager.default.createSymbolicLink(
            atPath: path("p/secrets/risk/link"), withDestinationPath: path("outside"))
        try FileManager.default.createSymbolicLink(
            atPath: path("p/secrets/link"), withDestinationPath: path("outside"))
        try FileManager.default.createDirectory(
            at: folder.appending(path: "p/secrets/.hidden"), withIntermediateDirectories: true)
        try TrustedPlaces.checkState(folder.appending(path: "p"), making: true)
        #expect(mode("p/secrets/risk/db") == 0o600)
        #expect(mode("outside") == 0o644)
        chmod(path("p/secrets/risk/db"), 0o606)
        #expect(throws: ValidationError.self) {
            try TrustedPlaces.checkState(folder.appending(path: "p"), making: true)
        }
    }

    @Test("a token file is read only if nobody else can read it; a pipe, folder or huge file is refused")
    func tokenFiles() throws {
        try write("t", "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6\n", mode: 0o600)
        #expect(try TokenFile(path: path("t")).read() == "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6")
        for mode in [0o644, 0o640, 0o606] as [mode_t] {
            chmod(path("t"), mode)
            let refused = #expect(throws: TrustProblem.self) { try TokenFile(path: path("t")).read() }
            #expect(
                refused?.description.contains("chmod 600") == true && refused?.description.contains("Zm9v") == false)
        }
        mkfifo(path("pipe"), 0o600)
        try write("huge", String(repeating: "x", count: 5000), mode: 0o600)
        for name in ["pipe", "huge", "nothing", "."] {
            #expect(throws: TrustProblem.self) { try TokenFile(path: path(name)).read() }
        }
    }

    @Test("the state folder's token is random, readable only by its owner, and kept")
    func stateToken() throws {
        let first = try TokenFile.ofState(folder)
        #expect(first.count == 43 && mode("token") == 0o600)
        #expect(try TokenFile.ofState(folder) == first)
        #expect(TokenFile.random() != TokenFile.random())
        #expect(try FileManager.default.contentsOfDirectory(atPath: path("")) == ["token"])
        chmod(path("token"), 0o644)
        #expect(throws: TrustProblem.self) { try TokenFile.ofState(folder) }
    }

    @Test("a link at the token file's path is not written through")
    func laidLink() throws {
        symlink(path("elsewhere"), path("token"))
        _ = try? TokenFile.ofState(folder)
        #expect(TrustedPlaces.facts(of: path("elsewhere")) == nil)
    }
}
