import Foundation
import ModelStorage
import Testing

@testable import Commands

@Suite("Programs that fetch models")
struct ProgramFetcherTests {
    private func run(
        _ script: String, _ change: (inout FetcherSettings) -> Void = { _ in }
    ) async throws -> (files: [String: String], progress: [TransferProgress], error: StorageError?) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fetcher-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        var settings = FetcherSettings(name: "dvc", command: ["/bin/sh", "-c", script, "fetch"])
        change(&settings)
        let fetcher = ProgramFetcher(
            settings: settings, environment: ["PATH": "/usr/bin:/bin", "SECRET": "s3cr3t", "GIVEN": "yes"])
        let (reports, continuation) = AsyncStream<TransferProgress>.makeStream()
        var found: StorageError?
        do {
            try await fetcher.fetch("dvc:a b;$(x)", into: folder.path) { continuation.yield($0) }
        } catch let error as StorageError {
            found = error
        }
        continuation.finish()
        var progress: [TransferProgress] = []
        for await report in reports { progress.append(report) }
        var files: [String: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            files[name] = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        }
        return (files, progress, found)
    }

    @Test(
        "the program gets the address and the folder as they are, reports its progress, and sees named variables only")
    func succeeds() async throws {
        let result = try await run(
            #"echo progress 5 10; echo other; printf %s "$1" >"$2/address"; printf %s "$SECRET$GIVEN" >env; echo progress 10 10"#
        ) { $0.variables = ["GIVEN"] }
        #expect(result.error == nil)
        #expect(result.files == ["address": "dvc:a b;$(x)", "env": "yes"])
        #expect(result.progress.map(\.bytes) == [5, 10])
        #expect(result.progress.map(\.totalBytes) == [10, 10])
    }

    @Test(
        "exit codes say whether another attempt may help",
        arguments: [
            ("echo no such tag >&2; exit 3", StorageErrorCode.notFound, "found no such model. It says: no such tag"),
            ("exit 4", .unauthorized, "no credentials that the store accepts. It wrote nothing"),
            ("echo first >&2; echo last >&2; exit 9", .unreachable, "ended with 9. It says: last"),
            ("kill -9 $$", .unreachable, "was ended by signal 9"),
        ])
    func fails(script: String, code: StorageErrorCode, words: String) async throws {
        let error = try await run(script).error
        #expect(error?.code == code)
        #expect(error?.message.contains(words) == true, "\(String(describing: error))")
    }

    @Test("a program that does not end is ended, and one that does not exist is named")
    func limits() async throws {
        let hanging = try await run("sleep 600") { $0.timeoutSeconds = 1 }.error
        #expect(hanging?.message.contains("did not end within 1 seconds") == true, "\(String(describing: hanging))")
        let absent = try await run("") { $0.command = ["/nowhere/fetch"] }.error
        #expect(absent?.code == .unsupported)
        #expect(absent?.message.contains("/nowhere/fetch does not exist") == true, "\(String(describing: absent))")
    }

    @Test("long lines are cut, and lines that are not progress are passed over")
    func lines() {
        var lines = FetcherLines()
        let long = String(repeating: "x", count: 10_000)
        #expect(Array((long + "\n").utf8).withUnsafeBytes { lines.take($0) }.first?.utf8.count == 4096)
        for line in [
            "progress", "progress x", "progress -1", "progress 1 2 3", "progress 1 -2", "Progress 1", "progress 1 x",
        ] {
            #expect(FetcherLines.progress(line) == nil, "\(line)")
        }
        #expect(FetcherLines.progress("progress 7")?.totalBytes == nil)
    }

    @Test(
        "wrong settings are refused with their place",
        arguments: [
            ("- {name: DVC, command: [/x]}", "fetchers[0].name"), ("- {name: dvc, command: []}", "fetchers[0].command"),
            ("- {name: dvc, command: [dvc]}", "absolute path"),
            ("- {name: dvc, command: [/x]}\n- {name: dvc, command: [/x]}", "given twice"),
            ("- {name: dvc, command: [/x], timeoutSeconds: 0}", "must be from 1"),
        ])
    func settings(text: String, words: String) {
        let error = #expect(throws: (any Error).self) {
            try RunSettings(reading: "fetchers:\n\(text)\n", path: "s.yaml")
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(String(describing: error))")
    }
}
