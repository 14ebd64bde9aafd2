import Foundation
import SafeText
import Testing

@testable import MetricSources

@Suite struct CheckRecordingTests {
    private let fixture: CheckFixture

    init() throws { fixture = try CheckFixture() }

    private func append(_ text: String, to file: inout OutputFile) {
        Array(text.utf8).withUnsafeBytes { file.append($0) }
    }

    @Test("a file keeps what fits, and says how much did not")
    func limit() throws {
        var file = try #require(OutputFile(folder: fixture.outputs, name: "n", limit: 10))
        append("12345", to: &file)
        append("6789012", to: &file)
        append("end", to: &file)
        file.finish(tail: "12end")
        #expect(try fixture.read(file.path) == "1234567890\n[5 bytes left out; the end of the output:]\n12end\n")
    }

    @Test("a file that fits has only the output, and an existing file of the same name is replaced")
    func whole() throws {
        for text in ["a longer first run", "second"] {
            var file = try #require(OutputFile(folder: fixture.outputs, name: "n", limit: 100))
            append(text, to: &file)
            file.finish(tail: "unused")
            #expect(try fixture.read(file.path) == text)
        }
    }

    @Test("a name cannot lead to another folder")
    func names() throws {
        var file = try #require(OutputFile(folder: fixture.outputs, name: "../../é/x\0y"))
        file.finish(tail: "")
        #expect(file.path == "\(fixture.outputs)/.._..____x_y.log")
        var long = try #require(OutputFile(folder: fixture.outputs, name: String(repeating: "n", count: 1_000)))
        long.finish(tail: "")
        #expect(FileManager.default.fileExists(atPath: long.path))
    }

    @Test("the newest 50 files stay, and files that are not outputs are left alone")
    func count() throws {
        let files = FileManager.default
        try files.createDirectory(atPath: fixture.outputs, withIntermediateDirectories: true)
        try fixture.write("", to: "outputs/notes.txt")
        for index in 0..<60 {
            try fixture.write("", to: "outputs/\(index).log")
            try files.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(index))],
                ofItemAtPath: "\(fixture.outputs)/\(index).log")
        }
        var file = try #require(OutputFile(folder: fixture.outputs, name: "new"))
        file.finish(tail: "")
        let kept = try files.contentsOfDirectory(atPath: fixture.outputs)
        #expect(Set(kept) == Set((11..<60).map { "\($0).log" } + ["new.log", "notes.txt"]))
    }

    @Test("secrets are redacted before anything is cut, even if they arrive in pieces and on both streams")
    func secrets() {
        let secret = "s3cr3t-of-the-check"
        var recording = CheckRecording(file: nil, redactor: SecretRedactor([secret]))
        func take(_ text: String, _ stream: SessionCommand.Stream) {
            Array(text.utf8).withUnsafeBytes { recording.take($0, from: stream) }
        }
        take("a s3cr3t-", .output)
        take("b s3cr3t-of-", .errors)
        take("of-the-check c\n", .output)
        take("the-check d\n", .errors)
        // So that the cut falls into the secret.
        take(secret + String(repeating: "x", count: CheckRecording.tailBytes - 8), .output)
        recording.finish()
        #expect(!recording.tailText.contains("check"))
        var short = CheckRecording(file: nil, redactor: SecretRedactor([secret]))
        Array("x \(secret.prefix(12))".utf8).withUnsafeBytes { short.take($0, from: .output) }
        short.finish()
        #expect(short.tailText == "x ***")
    }

    @Test("metrics come from standard output, and the tail has both streams in order of arrival")
    func streams() {
        var recording = CheckRecording(file: nil, redactor: SecretRedactor([]))
        func take(_ text: String, _ stream: SessionCommand.Stream) {
            Array(text.utf8).withUnsafeBytes { recording.take($0, from: stream) }
        }
        take("{\"a\": 1}\n", .output)
        take("{\"a\": 2}\n", .errors)
        #expect(recording.metrics(wanted: []) == ["a": 1])
        #expect(recording.tailText == "{\"a\": 1}\n{\"a\": 2}\n")
        #expect(recording.path == nil)
    }
}
