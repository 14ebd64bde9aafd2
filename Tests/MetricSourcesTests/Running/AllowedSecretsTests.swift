import Foundation
import Testing

@testable import MetricSources

@Suite struct AllowedSecretsTests {
    private let fixture: CheckFixture
    private var secrets: AllowedSecrets { AllowedSecrets(folder: fixture.secrets) }

    init() throws { fixture = try CheckFixture() }

    @Test("are a file each, without an editor's last newline")
    func value() throws {
        try fixture.write("a b\nc\n", to: "secrets/token")
        #expect(try secrets.value(of: "token") == "a b\nc")
    }

    @Test("are nowhere but in their folder", arguments: ["../model/x", "/etc/hostname", ".hidden", "", "a b", "a\0b"])
    func names(name: String) throws {
        try fixture.write("x", to: "model/x")
        let fault = #expect(throws: AllowedSecrets.Missing.self) { try secrets.value(of: name) }
        #expect(fault?.message.contains("cannot be a file's name") == true)
    }

    @Test("that are missing, a folder, too large or hold a NUL are refused")
    func refused() throws {
        try fixture.write("a\0b", to: "secrets/nul")
        try fixture.write(String(repeating: "x", count: AllowedSecrets.bytesLimit + 1), to: "secrets/large")
        try FileManager.default.createDirectory(atPath: "\(fixture.secrets)/folder", withIntermediateDirectories: false)
        for name in ["missing", "folder", "nul", "large"] {
            #expect(throws: AllowedSecrets.Missing.self, "\(name)") { try secrets.value(of: name) }
        }
    }
}
